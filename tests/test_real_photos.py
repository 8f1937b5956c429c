"""Real photos through every deployment: the runtimes paint the same picture. They are not part of the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.quantization.conftest import configured
from vtoncompress import checkpoint
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.data.viton import Viton
from vtoncompress.deployment import open_deployment, write_manifest
from vtoncompress.export.base import Exporter
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.masking.plain_background import PlainBackground
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization.base import Material
from vtoncompress.sampling.dpm_solver import DPMSolver
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
        configured("nncf_ptq").convert(folder, exporter.runtime, model, Material(calibration=calibration))
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


def test_the_small_cat_vton_paints_real_photos_inside_a_mask_that_was_made(tmp_path: Path) -> None:
    model = checkpoint.load(checkpoint_folder("cat_vton_small"))
    model.set_sampling(DPMSolver(steps=2))
    calls = []
    for exporter in (TorchExporter(), OpenVINOExporter()):
        folder = tmp_path / exporter.runtime
        exporter.export(model, folder)
        write_manifest(folder, exporter, model="cat_vton_small", size=model.size, inputs=tuple(model.inputs))
        calls.append(open_deployment(folder))
    for pair in Viton(PHOTOS, "test_pairs.txt", *model.size):
        mask = PlainBackground()(pair.person)
        dense, exported = (call(pair.person, pair.garment, None, mask).astype(float) for call in calls)
        change = np.abs(dense - pair.person).mean(-1)
        assert change[mask > 127].mean() > 10, "the person came back unchanged"
        assert change[mask <= 127].mean() < 20, "more than the autoencoder changed outside the mask"
        assert np.abs(exported - dense).max() <= 10
