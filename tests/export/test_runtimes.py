"""What all exporters and runtimes have in common."""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.export.conftest import EXPORTERS, toy
from vtoncompress.deployment import check_performance_of
from vtoncompress.export.base import Tensors
from vtoncompress.export.onnx import open_runtime as open_onnx
from vtoncompress.export.openvino import open_runtime as open_openvino
from vtoncompress.export.parity import check_parity
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.torch import open_runtime as open_torch
from vtoncompress.model.pf_afn import PFAFN

TIGHT = 0.01
RUNTIMES = {"torch": open_torch, "onnx": open_onnx, "openvino": open_openvino}


@pytest.mark.parametrize("name", EXPORTERS)
def test_equals_the_torch_network(name: str, model: PFAFN, exported: dict[str, Path], inputs: list[Tensors]) -> None:
    runtime = EXPORTERS[name]().open(exported[name])
    found = check_parity(model, runtime, inputs, TIGHT)
    assert found["parity_flow_px"] < 1e-3
    assert {key: (value.shape, value.dtype) for key, value in runtime(inputs[0]).items()} == {
        "image": ((1, 3, 96, 64), np.float32),
        "flow": ((1, 2, 96, 64), np.float32),
    }


@pytest.mark.parametrize("name", EXPORTERS)
def test_opens_a_moved_folder_by_the_exporters_name(
    name: str, exported: dict[str, Path], tmp_path: Path, inputs: list[Tensors]
) -> None:
    before = EXPORTERS[name]().open(exported[name])(inputs[0])
    shutil.copytree(exported[name], tmp_path / "moved")
    module = importlib.import_module(f"vtoncompress.export.{name}")
    after = module.open_runtime(tmp_path / "moved", None)(inputs[0])
    for key, value in before.items():
        np.testing.assert_array_equal(value, after[key])


@pytest.mark.parametrize(
    "name, performance",
    [("torch", "latency"), ("openvino", "latency"), ("openvino", "throughput"), ("onnx", "throughput")],
)
def test_many_calls_at_once_give_what_they_give_one_by_one(
    name: str, performance: str, model: PFAFN, exported: dict[str, Path], inputs: list[Tensors]
) -> None:
    options = {} if performance == "latency" else {"performance": performance}
    with contextlib.ExitStack() as undo:
        undo.callback(torch.set_num_threads, torch.get_num_threads())
        runtime = RUNTIMES[name](exported[name], 2, **options)
    described = runtime.describe()
    side = dict.fromkeys(("torch", "openvino latency"), "one after another")
    assert described["many"] == side.get(name, side.get(f"{name} {performance}", "2 side by side"))
    if name != "torch":
        assert (described["performance"], described["threads"]) == (performance, 2)
    several = [*inputs, *reversed(inputs)]
    for one, together in zip(several, runtime.many(several), strict=True):
        for key, value in runtime(one).items():
            np.testing.assert_allclose(together[key], value, rtol=0, atol=1e-4)


def test_one_option_says_what_threads_are_for() -> None:
    check_performance_of("openvino", "throughput")
    for exporter, performance, message in (
        ("torch", "throughput", "export=torch computes one call at a time: use performance=latency"),
        ("openvino", "speed", "performance=speed is unknown: choose latency or throughput"),
    ):
        with pytest.raises(ValueError, match=message):
            check_performance_of(exporter, performance)


@pytest.mark.parametrize("name", EXPORTERS)
def test_results_are_kept_when_the_next_call_comes(name: str, exported: dict[str, Path], inputs: list[Tensors]) -> None:
    runtime = EXPORTERS[name]().open(exported[name])
    first = runtime(inputs[0])["image"]
    kept = first.copy()
    runtime(inputs[1])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("damage", ["missing", "torn", "empty"])
def test_damaged_files_give_one_line(name: str, damage: str, exported: dict[str, Path], tmp_path: Path) -> None:
    for file in exported[name].iterdir():
        folder = tmp_path / file.name
        shutil.copytree(exported[name], folder)
        if damage == "missing":
            (folder / file.name).unlink()
        else:
            content = file.read_bytes()
            (folder / file.name).write_bytes(content[: len(content) // 2] if damage == "torn" else b"")
        with pytest.raises(ValueError, match=re.escape(str(folder))) as caught:
            EXPORTERS[name]().open(folder)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", EXPORTERS)
def test_describes_what_a_record_needs(name: str, exported: dict[str, Path]) -> None:
    exporter = EXPORTERS[name]()
    threads = torch.get_num_threads()
    try:
        described = RUNTIMES[name](exported[name], 1).describe()
    finally:
        torch.set_num_threads(threads)
    assert described["runtime"] == exporter.runtime
    assert described["threads"] == 1
    assert described["execution_precision"] == "f32"
    assert set(described["stored_bytes"]) <= {"f32", "i64", "i32"}, "only indices may be no float32"
    assert {"version", "device"} <= described.keys()


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_runs_without_torch(name: str, exported: dict[str, Path]) -> None:
    code = f"""
import sys, numpy, pathlib
from vtoncompress.export.{name} import open_runtime
runtime = open_runtime(pathlib.Path({str(exported[name])!r}), None)
picture = numpy.zeros((1, 3, 96, 64), numpy.float32)
runtime({{"person": picture, "garment": picture, "garment_mask": picture[:, :1]}})
print([name for name in ("torch", "nncf", "onnx", "openvino_telemetry.main") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


@pytest.mark.parametrize("name", EXPORTERS)
def test_exporting_changes_nothing_and_says_nothing(
    name: str, tmp_path: Path, inputs: list[Tensors], capfd: pytest.CaptureFixture
) -> None:
    model = toy("seed").train()  # so that the other convention is compared, too
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EXPORTERS[name]().export(model, tmp_path / "new" / "folder")
    assert capfd.readouterr() == ("", "")
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    check_parity(model, EXPORTERS[name]().open(tmp_path / "new" / "folder"), inputs, TIGHT)


@pytest.mark.parametrize("name", EXPORTERS)
def test_config_builds_it(name: str) -> None:
    config = OmegaConf.load(Path(__file__).parents[2] / "conf" / "export" / f"{name}.yaml")
    assert isinstance(instantiate(config), EXPORTERS[name])


def test_torch_runtime_leaves_the_given_network_alone(inputs: list[Tensors]) -> None:
    model = toy("official").train()
    TorchRuntime(model)(inputs[0])
    assert all(module.training for module in model.modules())
