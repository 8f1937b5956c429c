"""A model of several networks on each runtime: the torch networks' picture, without torch where it is deployed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from tests.model.cat_vton.conftest import CONFIG, TINY
from vtoncompress.deployment import open_deployment, write_manifest
from vtoncompress.export import onnx as onnx_export
from vtoncompress.export.base import Exporter, Runtime, Tensors
from vtoncompress.export.onnx import ONNXExporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.stepwise import PARTS, StepwiseRuntime
from vtoncompress.export.torch import TorchExporter
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.sampling.call import describe
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.noise_schedule import NoiseSchedule

SIZE = (16, 12)
SCRIPT = """
import sys, numpy as np
from vtoncompress.deployment import open_deployment
mask = np.zeros((64, 48), np.uint8)
mask[16:48, 12:36] = 255
person, garment = (np.full((64, 48, 3), grey, np.uint8) for grey in (90, 200))
image = open_deployment(sys.argv[1])(person, garment, None, mask)
assert not {"torch", "diffusers"} & set(sys.modules), sorted(sys.modules)
print(image.sum())
"""


@pytest.fixture(scope="module")
def small() -> CatVTON:
    torch.manual_seed(0)
    model = CatVTON(SIZE, **TINY).eval()
    model.set_sampling(DDIM(steps=2, seed=7))
    return model


@pytest.fixture(scope="module")
def exported(small: CatVTON, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By OpenVINO; not to be changed."""
    folder = tmp_path_factory.mktemp("openvino")
    OpenVINOExporter().export(small, folder)
    write_manifest(folder, OpenVINOExporter(), model="toy", size=small.size, inputs=tuple(small.inputs))
    return folder


@pytest.fixture(scope="module")
def onnx_files(small: CatVTON, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By ONNX Runtime's exporter; not to be changed."""
    folder = tmp_path_factory.mktemp("onnx")
    ONNXExporter().export(small, folder)
    return folder


@pytest.fixture(scope="module")
def inputs() -> Tensors:
    """Two pairs, of which the second has another mask."""
    random = np.random.default_rng(1)
    mask = np.zeros((2, 1, *SIZE), np.float32)
    mask[0, :, 4:12, 2:10] = mask[1, :, 2:6] = 1
    pictures = {name: random.uniform(-1, 1, (2, 3, *SIZE)).astype(np.float32) for name in ("person", "garment")}
    return {**pictures, "agnostic_mask": mask, "garment_mask": mask}


@pytest.mark.parametrize("exporter", [OpenVINOExporter(), ONNXExporter(), TorchExporter()])
def test_every_runtime_paints_the_torch_networks_picture(
    small: CatVTON, inputs: Tensors, exporter: Exporter, exported: Path, onnx_files: Path, tmp_path: Path
) -> None:
    if isinstance(exporter, TorchExporter):
        exporter.export(small, tmp_path)
    folders = {"openvino": exported, "onnxruntime": onnx_files, "torch": tmp_path}
    runtime = exporter.open(folders[exporter.runtime])
    expected = small(*(torch.from_numpy(inputs[name]) for name in small.inputs))["image"].numpy()
    assert np.abs(runtime(inputs)["image"] - expected).max() < 1e-3
    assert runtime.describe()["runtime"] == exporter.runtime


def test_what_is_deployed_imports_no_torch(exported: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, exported], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    person, garment = (np.full((64, 48, 3), grey, np.uint8) for grey in (90, 200))
    mask = np.zeros((64, 48), np.uint8)
    mask[16:48, 12:36] = 255
    assert int(done.stdout) == open_deployment(exported)(person, garment, None, mask).sum()


def test_a_foreign_call_is_one_line(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    (tmp_path / "call.json").write_text('{"sampling": "os.system"}')
    with pytest.raises(ValueError, match="'os.system' is no sampler of this version"):
        OpenVINOExporter().open(tmp_path)


class Part(Runtime):
    """Remembers how many pictures it is shown at once, and gives the first channels of them."""

    def __init__(self, channels: int) -> None:
        self.channels, self.seen = channels, set[int]()

    def __call__(self, inputs: Tensors) -> Tensors:
        first = next(iter(inputs.values()))
        self.seen.add(len(first))
        return {"result": first[:, : self.channels]}

    def describe(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(("guidance", "pictures"), [(2.5, 2), (1.0, 1)])
def test_graphs_are_shown_as_many_pictures_as_they_were_exported_for(
    inputs: Tensors, guidance: float, pictures: int
) -> None:
    schedule = NoiseSchedule.of(CONFIG["scheduler_config"])
    parts = {"encoder": Part(3), "unet": Part(3), "decoder": Part(3)}
    runtime = StepwiseRuntime(parts, describe(schedule, DDIM(steps=2, guidance=guidance)))
    together = runtime({**inputs, "seeds": np.array([3, 5])})["image"]
    assert [part.seen for part in parts.values()] == [{1}, {pictures}, {1}]
    for one, seed in enumerate([3, 5]):
        single = {name: array[one : one + 1] for name, array in inputs.items()}
        assert np.array_equal(runtime({**single, "seeds": np.array([seed])})["image"][0], together[one])


def test_pairs_without_masks_are_one_line(inputs: Tensors) -> None:
    call = describe(NoiseSchedule.of(CONFIG["scheduler_config"]), DDIM())
    runtime = StepwiseRuntime({name: Part(3) for name in ("encoder", "unet", "decoder")}, call)
    with pytest.raises(ValueError, match="needs agnostic_mask, which these pairs lack"):
        runtime({name: inputs[name] for name in ("person", "garment")})


@pytest.mark.parametrize("exporter", [OpenVINOExporter(dynamic=True), ONNXExporter(dynamic=True)])
def test_dynamic_graphs_take_another_size(small: CatVTON, exporter: Exporter, tmp_path: Path) -> None:
    exporter.export(small, tmp_path)
    runtime, size = exporter.open(tmp_path), (24, 16)
    larger = CatVTON(size, **TINY).eval()
    larger.load_state_dict(small.state_dict())
    larger.set_sampling(small.sampling)
    random, mask = np.random.default_rng(2), np.zeros((1, 1, *size), np.float32)
    mask[..., 4:16, 4:12] = 1
    given = {name: random.uniform(-1, 1, (1, 3, *size)).astype(np.float32) for name in ("person", "garment")}
    given["agnostic_mask"] = mask
    expected = larger(*(torch.from_numpy(given[name]) for name in larger.inputs))["image"].numpy()
    assert np.abs(runtime(given)["image"] - expected).max() < 1e-3


def test_weights_that_one_onnx_file_can_not_hold_lie_beside_it(
    onnx_files: Path, inputs: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ONNXExporter().open(onnx_files)(inputs)["image"]
    monkeypatch.setattr(onnx_export, "LARGEST", 1000)
    shutil.copytree(onnx_files, tmp_path, dirs_exist_ok=True)
    for part in PARTS:
        onnx_export.write_onnx(onnx_export.read_onnx(onnx_files, part), tmp_path, part)
        assert (tmp_path / f"{part}.weights").is_file()
    assert np.array_equal(ONNXExporter().open(tmp_path)(inputs)["image"], expected)


def test_what_a_deployment_can_not_do_is_one_line(exported: Path) -> None:
    for options, message in (
        ({"devices": {"unet": "TOASTER"}}, "finds no device TOASTER here: choose one of CPU"),
        ({"devices": {"warp": "CPU"}}, "has no such graph, it has encoder, unet, decoder"),
        ({"size": [24, 16]}, "takes pictures of 16x12 alone"),
    ):
        with pytest.raises(ValueError, match=message):
            open_deployment(exported, **options)  # type: ignore[arg-type]
    runtime = open_deployment(exported, devices={"unet": "CPU"}).runtime
    assert isinstance(runtime, StepwiseRuntime)


def test_sizes_of_a_dynamic_deployment_are_multiples(small: CatVTON, exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    exporter = OpenVINOExporter(dynamic=True)
    write_manifest(tmp_path, exporter, model="toy", size=small.size, inputs=tuple(small.inputs), multiple=4)
    assert open_deployment(tmp_path, size=[24, 16]).size == (24, 16)
    with pytest.raises(ValueError, match=r"size=\[24, 18\]: height and width must be multiples of 4"):
        open_deployment(tmp_path, size=[24, 18])


def test_a_compiled_network_is_kept_for_the_next_opening(exported: Path, inputs: Tensors, tmp_path: Path) -> None:
    first = open_deployment(exported, cache=tmp_path).runtime(inputs)["image"]
    kept = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(kept) >= 3
    assert np.array_equal(open_deployment(exported, cache=tmp_path).runtime(inputs)["image"], first)
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}.keys() == kept.keys()


def test_graphs_of_guided_calls_serve_a_sampler_that_guides_some_steps_only(small: CatVTON, exported: Path) -> None:
    runtime = open_deployment(exported).runtime
    sometimes = DDIM(steps=50, guidance_window=[0, 0.9])  # type: ignore[arg-type]
    latents = np.random.default_rng(2).standard_normal((1, 9, 16, 6)).astype(np.float32)
    networks = runtime.networks(sometimes)
    assert networks is not None
    assert np.allclose(networks.predict(latents, 500), small.networks().predict(latents, 500), atol=1e-4)
