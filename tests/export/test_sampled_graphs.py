"""Samplers that need other graphs, on each runtime: the torch network's picture, alone and among others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.model.cat_vton.conftest import TINY
from vtoncompress.export.base import Exporter, Tensors
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.sampling.dpm_solver import DPMSolver

SIZE = (16, 16)
EXPORTERS = (OpenVINOExporter(), ONNXExporter(), TorchExporter())
ALL: dict[str, Any] = {"merging": 0.5, "reuse": 2, "reuse_layers": 2, "guidance_window": [0.25, 0.75]}


@pytest.fixture(scope="module")
def small() -> CatVTON:
    torch.manual_seed(0)
    return CatVTON(SIZE, **TINY).eval()


@pytest.fixture(scope="module")
def inputs() -> Tensors:
    """Four pairs with different masks, seeds of their own."""
    random = np.random.default_rng(1)
    mask = np.zeros((4, 1, *SIZE), np.float32)
    for one in range(4):
        mask[one, :, 2 * one : 2 * one + 8, 2:14] = 1
    pictures = {name: random.uniform(-1, 1, (4, 3, *SIZE)).astype(np.float32) for name in ("person", "garment")}
    return {**pictures, "agnostic_mask": mask, "garment_mask": mask, "seeds": np.array([3, 1, 4, 1])}


def painted(model: CatVTON, inputs: Tensors) -> np.ndarray[Any, np.dtype[np.float32]]:
    tensors = (torch.from_numpy(inputs[name]) for name in model.inputs)
    found: np.ndarray[Any, np.dtype[np.float32]] = model(*tensors, seeds=[*inputs["seeds"]])["image"].numpy()
    return found


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_every_runtime_paints_the_same_and_a_batch_what_its_pairs_are_alone(
    small: CatVTON, inputs: Tensors, exporter: Exporter, tmp_path: Path
) -> None:
    small.set_sampling(DPMSolver(steps=4, **ALL))
    expected = painted(small, inputs)
    exporter.export(small, tmp_path)
    runtime = exporter.open(tmp_path)
    alone = np.concatenate(
        [runtime({name: array[one : one + 1] for name, array in inputs.items()})["image"] for one in range(4)]
    )
    assert np.abs(alone - expected).max() < 1e-3
    for fixed in (("garment",), ("person", "agnostic_mask")):
        call = runtime.reuse({name: inputs[name] for name in fixed})
        assert call is not None
        others = {name: array for name, array in inputs.items() if name not in fixed}
        assert np.abs(call(others)["image"] - expected).max() < 1e-3
    together = painted(small, inputs) if exporter.runtime == "torch" else runtime(inputs)["image"]
    assert np.abs(together - alone).max() < 1e-3
    assert runtime.describe()["runtime"] == exporter.runtime
    small.set_sampling(DPMSolver(steps=4))
    assert np.abs(painted(small, inputs) - expected).max() > 1e-2


def test_a_deployment_can_not_change_what_its_graphs_compute(small: CatVTON, tmp_path: Path) -> None:
    small.set_sampling(DPMSolver(steps=4, reuse=2))
    TorchExporter().export(small, tmp_path)
    runtime = TorchExporter().open(tmp_path)
    with pytest.raises(ValueError, match="sampling.merging=0.5: it is part of the graphs"):
        runtime.sampled({"merging": 0.5}, lambda done, steps: None)
    with pytest.raises(ValueError, match="sampling.reuse=2 with sampling.steps=1"):
        runtime.sampled({"steps": 1}, lambda done, steps: None)
