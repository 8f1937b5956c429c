"""Every mode that takes a model of several graphs: nearly the float32 picture, and stored and computed as it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.model.cat_vton.conftest import TINY_OF_8
from tests.quantization.conftest import CONF, configured
from vtoncompress.deployment import FILES, write_manifest
from vtoncompress.export.openvino import OpenVINOExporter, OpenVINORuntime
from vtoncompress.export.openvino_ir import read_ir
from vtoncompress.export.stepwise import DECODER, ENCODER, PARTS, UNET
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.quantization.base import Material
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.stage import trajectories

SIZE, STEPS, PAIRS = (128, 96), 3, 2
DATA = {
    "_target_": "vtoncompress.data.synthetic.Synthetic", "split": "train", "pairs": PAIRS, "height": 128, "width": 96
}  # fmt: skip
TOLD: dict[str, Any] = {
    "calibration": {"_target_": "vtoncompress.data.calibration.Calibration", "pairs": PAIRS},
    "trajectories": {"_target_": "vtoncompress.sampling.trajectories.Trajectories", "samples": 4},
    "data": DATA,
}
BASE = ("model=cat_vton_small",)
PRODUCTS = ("Convolution", "MatMul")
UNET_ALONE = "quantization.scope=unet"
MODES = {
    "bfloat16": (UNET_ALONE,), "weight_int4": (UNET_ALONE, "quantization.group_size=8"), "nncf_ptq": (),
    "hybrid": (UNET_ALONE,), "hybrid_weights": (UNET_ALONE, "quantization.linears=weights"),
    "hybrid_attention": ("quantization.scope=self_attention", "quantization.rest=float32"),
}  # fmt: skip
ERRORS = {"weight_int4": 0.2, "bfloat16": 0.03}
"""Of the noise, as a share of its size; those of INT8 are of a network this narrow."""


@pytest.fixture(scope="module")
def model() -> CatVTON:
    torch.manual_seed(0)
    model = CatVTON(SIZE, **TINY_OF_8).eval()
    model.set_sampling(DDIM(steps=STEPS))
    return model


@pytest.fixture(scope="module")
def exported(model: CatVTON, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a stage leaves it."""
    folder = tmp_path_factory.mktemp("float32")
    OpenVINOExporter().export(model, folder / FILES)
    write_manifest(folder / FILES, OpenVINOExporter(), model="toy", size=SIZE, inputs=tuple(model.inputs))
    return folder


@pytest.fixture(scope="module")
def seen(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trajectories")
    trajectories.make(TOLD, exported, folder)
    return folder


@pytest.fixture(scope="module")
def quantized(
    model: CatVTON, exported: Path, seen: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[Path, Mapping[str, Any]]]:
    """By mode: the folder and what it told."""
    material, made = Material(trajectories=trajectories.read(seen)), {}
    for name, options in MODES.items():
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(exported / FILES, folder, dirs_exist_ok=True)
        choice = name if (CONF / "quantization" / f"{name}.yaml").is_file() else "hybrid"
        mode = configured(choice, *BASE, *options)
        mode.check(model)
        made[name] = (folder, mode.convert(folder, "openvino", model, material))
    return made


def test_calibration_sees_the_calls_that_were_chosen(model: CatVTON, seen: Path) -> None:
    chosen, calls = json.loads((seen / trajectories.CHOSEN).read_text()), trajectories.read(seen)
    assert len(chosen) == 4
    timesteps = model.sampling.timesteps(model.schedule)
    assert sorted(int(call["timestep"]) for call in calls[UNET]) == sorted(timesteps[step] for _, step in chosen)
    # Both halves, of which the one without the garment has zeros for its latents and no mask below.
    for call in calls[UNET]:
        without, shown = call["latents"][:, -3:, SIZE[0] // 8 :]
        assert not without.any()
        assert shown.any()
        assert np.array_equal(*call["latents"][:, :3])
    assert (len(calls[ENCODER]), len(calls[DECODER])) == (2 * PAIRS, PAIRS)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_predicts_nearly_the_same_noise(
    mode: str, exported: Path, seen: Path, quantized: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    folder, told = quantized[mode]
    before, after = (OpenVINORuntime(one, part=UNET) for one in (exported / FILES, folder))
    # At the noisiest timesteps, which bfloat16 can't tell apart.
    for call in trajectories.read(seen)[UNET][:2]:
        expected, found = np.array(before(call)["noise"]), after(call)["noise"]
        error = np.abs(found - expected).mean() / np.abs(expected).mean()
        assert 0 < error < ERRORS.get(mode, 0.12)
    described = after.describe()
    assert described["execution_precision"].startswith("f32") != (mode in ("bfloat16", "hybrid", "hybrid_weights"))
    assert told["parts"].keys() == (set(PARTS) if mode == "nncf_ptq" else {UNET})
    for part in set(PARTS) - told["parts"].keys():
        assert (folder / f"{part}.bin").read_bytes() == (exported / FILES / f"{part}.bin").read_bytes()


@pytest.mark.parametrize(
    "mode, kind, width", [("bfloat16", "bf16", 2), ("nncf_ptq", "i8", 1), ("weight_int4", "i4", 0.5)]
)
def test_weights_are_stored_small(
    mode: str, kind: str, width: float, model: CatVTON, quantized: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    layers = [one for one in model.unet.modules() if isinstance(one, torch.nn.Conv2d | torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in layers)
    stored = OpenVINORuntime(quantized[mode][0], part=UNET).describe()["stored_bytes"]
    small = stored.get("i8", 0) if kind == "i4" else 0  # small layers keep 8 bits
    assert stored[kind] + small >= width * weights
    table = 4 * model.unet.time_proj.table.numel() if mode != "nncf_ptq" else 0  # which NNCF rounds too
    assert stored["f32"] - table < weights  # of which they would be 4 bytes each


@pytest.mark.parametrize(
    "mode, rounded",
    [
        ("nncf_ptq", {"Convolution", "MatMul"}),
        ("hybrid", {"Convolution", "MatMul"}),
        ("hybrid_weights", {"Convolution"}),
        ("hybrid_attention", {"MatMul"}),
    ],
)
def test_inputs_are_rounded_where_they_should_be(
    mode: str, rounded: set[str], quantized: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    products = [one for one in read_ir(quantized[mode][0], UNET).get_ops() if one.get_type_name() in PRODUCTS]
    assert {one.get_type_name() for one in products if _reads_integers(one)} == rounded


def test_attention_alone(model: CatVTON, quantized: Mapping[str, tuple[Path, Mapping[str, Any]]]) -> None:
    layers = [name for name, one in model.named_modules() if ".attn1." in name and isinstance(one, torch.nn.Linear)]
    assert quantized["hybrid_attention"][1]["parts"][UNET]["layers"] == len(layers)


def _reads_integers(node: Any) -> bool:
    """Whether the node's first input is rounded, by something past what only reshapes it."""
    source = node.input_value(0).get_node()
    while source.get_type_name() in ("Reshape", "Transpose", "Convert"):
        source = source.input_value(0).get_node()
    return bool(source.get_type_name() == "FakeQuantize")
