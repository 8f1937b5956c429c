from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.export.conftest import pictures, toy
from tests.reopen import Reopener
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.options import used
from vtoncompress.quantization.base import Material, Quantization

CONF = Path(__file__).parents[2] / "conf"
EXPORTERS = {"openvino": OpenVINOExporter, "onnxruntime": ONNXExporter}


def options(choice: str, *overrides: str) -> dict[str, Any]:
    """Of ``quantization=choice``, those that the mode takes."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [f"quantization={choice}", *overrides])
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, Mapping)
    return used(resolved["quantization"])


def configured(choice: str, *overrides: str) -> Quantization:
    """The mode, as a runner makes it."""
    mode: Quantization = instantiate(options(choice, *overrides))
    return mode


@pytest.fixture(scope="session")
def reopened() -> Iterator[Reopener]:
    """``reopened(folder, inputs)``: the outputs of a saved network in a process that has seen no toolkit."""
    elsewhere = Reopener()
    yield elsewhere
    elsewhere.close()


@pytest.fixture(scope="package")
def model() -> PFAFN:
    return toy("official")


@pytest.fixture(scope="package")
def material() -> Material:
    return Material(calibration=pictures(6))


@pytest.fixture(scope="package")
def exported(model: PFAFN, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """By runtime: a fresh copy of the float32 network's files."""
    folders: dict[str, Path] = {}

    def export(runtime: str) -> Path:
        if runtime not in folders:
            folders[runtime] = tmp_path_factory.mktemp(runtime)
            EXPORTERS[runtime]().export(model, folders[runtime])
        copy = tmp_path_factory.mktemp("quantized") / runtime
        return Path(shutil.copytree(folders[runtime], copy))

    return export
