"""Real photos through every deployment: the runtimes paint the same picture. They are not part of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vtoncompress import checkpoint
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.data.viton import Viton
from vtoncompress.deployment import open_deployment, write_manifest
from vtoncompress.export.base import Exporter
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.opening import open_try_on
from vtoncompress.quantization.nncf_ptq import NNCFPostTraining
from vtoncompress.shipped import checkpoint_folder
from vtoncompress.try_on import to_tensors

PHOTOS = Path(__file__).parents[2] / "shared" / "photos" / "viton_test"
pytestmark = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real photos are not part of the repository")


@pytest.fixture(scope="module")
def shipped() -> TryOnModel:
    return checkpoint.load(checkpoint_folder("pf_afn_small"))


@pytest.fixture(scope="module")
def photos(shipped: TryOnModel) -> Viton:
    return Viton(PHOTOS, "test_pairs.txt", *shipped.size)


def _deploy(model: TryOnModel, exporter: Exporter, folder: Path, *, int8: bool) -> Path:
    exporter.export(model, folder)
    if int8:
        pairs = Synthetic("train", 16, *model.size)
        calibration = [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in pairs]
        NNCFPostTraining("mixed", 16, 0, True, "warp_and_generator", 8).convert(
            folder, exporter.runtime, model, calibration
        )
    write_manifest(folder, exporter, model="pf_afn_small", size=model.size)
    return folder


def test_runtimes_and_precisions_agree_on_real_photos(tmp_path: Path, shipped: TryOnModel, photos: Viton) -> None:
    folders = {
        "torch": _deploy(shipped, TorchExporter(), tmp_path / "torch", int8=False),
        "onnxruntime": _deploy(shipped, ONNXExporter(), tmp_path / "onnx", int8=False),
        "openvino": _deploy(shipped, OpenVINOExporter(), tmp_path / "openvino", int8=False),
        "openvino int8": _deploy(shipped, OpenVINOExporter(), tmp_path / "int8", int8=True),
        "onnxruntime int8": _deploy(shipped, ONNXExporter(), tmp_path / "onnx_int8", int8=True),
    }
    calls = {name: open_deployment(folder) for name, folder in folders.items()}
    assert len(photos) == 4
    for pair in photos:
        results = {name: call(pair.person, pair.garment, pair.garment_mask) for name, call in calls.items()}
        dense = results.pop("torch").astype(float)
        assert np.abs(dense - pair.person).mean() > 1, "the person came back unchanged"
        for name, result in results.items():
            difference = np.abs(result - dense)
            if "int8" in name:
                assert 0 < difference.mean() < 8, name
            else:
                assert difference.max() <= 1, name


def test_a_full_size_checkpoint_in_the_official_layout_tries_on_a_real_photo(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = PFAFN(1.0, (256, 192))
    warp = {f"module.{name}": tensor for name, tensor in network.warp.state_dict().items()}
    torch.save(warp | {"module.aflow_net.weight": torch.zeros(4, 1, 3, 3)}, tmp_path / "warp.pth")
    torch.save(network.generator.state_dict(), tmp_path / "generator.pth")
    model: dict[str, Any] = {
        "name": "pf_afn",
        "checkpoint": None,
        "network": {
            "_target_": "vtoncompress.model.pf_afn.PFAFN",
            "width": 1.0,
            "size": [256, 192],
            "convention": "official",
        },
        "official": {
            "_target_": "vtoncompress.model.pf_afn.official.load_official",
            "warp": str(tmp_path / "warp.pth"),
            "generator": str(tmp_path / "generator.pth"),
        },
    }
    pair = Viton(PHOTOS, "test_pairs.txt", 256, 192)[0]
    result = open_try_on(model=model)(pair.person, pair.garment, pair.garment_mask)
    with torch.inference_mode():
        inputs = to_tensors(pair.person, pair.garment, pair.garment_mask)
        expected = network.eval()(**{name: torch.from_numpy(array) for name, array in inputs.items()})["image"]
    painted = expected[0].permute(1, 2, 0).add(1).mul(127.5).round().numpy()
    assert result.shape == (256, 192, 3)
    assert np.abs(result - painted).max() <= 1
