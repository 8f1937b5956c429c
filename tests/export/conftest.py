from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vtoncompress.export.base import Exporter, Tensors
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.model.pf_afn import PFAFN

SIZE = (96, 64)
EXPORTERS: dict[str, type[Exporter]] = {"torch": TorchExporter, "onnx": ONNXExporter, "openvino": OpenVINOExporter}


def pictures(count: int) -> list[Tensors]:
    """Inputs as smooth as pictures are; a sampled noise would magnify the smallest difference of coordinates."""
    rng = np.random.default_rng(0)
    height, width = SIZE

    def smooth(channels: int) -> np.ndarray:
        coarse = torch.from_numpy(rng.uniform(-1, 1, (1, channels, height // 8, width // 8)).astype(np.float32))
        return torch.nn.functional.interpolate(coarse, size=SIZE, mode="bicubic").clamp(-1, 1).numpy()

    return [
        {"person": smooth(3), "garment": smooth(3), "garment_mask": (smooth(1) > -0.5).astype(np.float32)}
        for _ in range(count)
    ]


def toy(convention: str) -> PFAFN:
    """A network with random weights whose flow stays near the picture, as a trained one's does."""
    torch.manual_seed(0)
    model = PFAFN(0.0625, SIZE, convention).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # folding must have something to fold
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    for name in model.float_layers():
        torch.nn.init.normal_(model.get_submodule(name).weight, std=1)
    return model


@pytest.fixture(scope="session")
def model() -> PFAFN:
    return toy("official")


@pytest.fixture(scope="session")
def inputs() -> list[Tensors]:
    return pictures(3)


@pytest.fixture(scope="session")
def exported(model: PFAFN, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folder of every exporter's files, by the exporter's name. Not to be changed: copy it."""
    folders = {name: tmp_path_factory.mktemp(name) for name in EXPORTERS}
    for name, exporter in EXPORTERS.items():
        exporter().export(model, folders[name])
    return folders
