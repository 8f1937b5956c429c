"""A model of several networks on each runtime: the picture of the torch networks, without torch where it is deployed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from tests.model.cat_vton.conftest import arguments
from vtoncompress.deployment import open_deployment, write_manifest
from vtoncompress.export.base import Exporter, Tensors
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.sampling.ddim import DDIM

SIZE = (32, 24)
SHARED = "import sys, numpy as np; from vtoncompress.deployment import open_deployment; "


@pytest.fixture(scope="module")
def small() -> CatVTON:
    torch.manual_seed(0)
    model = CatVTON(**arguments(SIZE)).eval()
    model.set_sampling(DDIM(steps=2, seed=7))
    return model


@pytest.fixture(scope="module")
def inputs() -> Tensors:
    """Two pairs, of which the second has another mask."""
    random = np.random.default_rng(1)
    mask = np.zeros((2, 1, *SIZE), np.float32)
    mask[0, :, 8:24, 4:20] = mask[1, :, 4:12] = 1
    pictures = {name: random.uniform(-1, 1, (2, 3, *SIZE)).astype(np.float32) for name in ("person", "garment")}
    return {**pictures, "agnostic_mask": mask, "garment_mask": mask}


@pytest.mark.parametrize("exporter", [OpenVINOExporter(), ONNXExporter(), TorchExporter()])
def test_every_runtime_paints_the_torch_networks_picture(
    small: CatVTON, inputs: Tensors, exporter: Exporter, tmp_path: Path
) -> None:
    exporter.export(small, tmp_path)
    tensors = [torch.from_numpy(inputs[name]) for name in small.inputs]
    expected = small(*tensors)["image"].numpy()
    runtime = exporter.open(tmp_path)
    assert np.abs(runtime(inputs)["image"] - expected).max() < 1e-3
    assert runtime.describe()["runtime"] == exporter.runtime


def test_the_unguided_call_shows_the_unet_one_picture(small: CatVTON, inputs: Tensors, tmp_path: Path) -> None:
    model = CatVTON(**small.arguments()).eval()
    model.load_state_dict(small.state_dict())
    model.set_sampling(DDIM(steps=1, guidance=1.0))
    OpenVINOExporter().export(model, tmp_path)
    expected = model(*(torch.from_numpy(inputs[name]) for name in model.inputs))["image"].numpy()
    assert np.abs(OpenVINOExporter().open(tmp_path)(inputs)["image"] - expected).max() < 1e-3


def test_what_is_deployed_imports_no_torch(small: CatVTON, inputs: Tensors, tmp_path: Path) -> None:
    OpenVINOExporter().export(small, tmp_path)
    write_manifest(tmp_path, OpenVINOExporter(), model="toy", size=small.size, inputs=tuple(small.inputs))
    person, garment = (np.full((64, 48, 3), grey, np.uint8) for grey in (90, 200))
    mask = np.zeros((64, 48), np.uint8)
    mask[16:48, 12:36] = 255
    script = (
        SHARED + f"call = open_deployment({str(tmp_path)!r}); picture = np.full((64, 48, 3), 90, np.uint8); "
        "mask = np.zeros((64, 48), np.uint8); mask[16:48, 12:36] = 255; "
        "image = call(picture, picture + 110, None, mask); print(image.sum()); "
        "assert not {'torch', 'diffusers'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == open_deployment(tmp_path)(person, garment, None, mask).sum()


def test_a_damaged_or_foreign_call_is_one_line(small: CatVTON, tmp_path: Path) -> None:
    OpenVINOExporter().export(small, tmp_path)
    (tmp_path / "call.json").write_text('{"sampling": "os.system"}')
    with pytest.raises(ValueError, match="'os.system' is no sampler of this version"):
        OpenVINOExporter().open(tmp_path)
