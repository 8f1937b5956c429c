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

from tests.model.cat_vton.conftest import TINY
from tests.quantization.conftest import configured
from vtoncompress.deployment import FILES, write_manifest
from vtoncompress.export.openvino import OpenVINOExporter, read_ir
from vtoncompress.export.stepwise import DECODER, ENCODER, PARTS, UNET
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.quantization.base import Material
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.stage import trajectories

SIZE, STEPS, PAIRS = (32, 24), 3, 2
DATA = {
    "_target_": "vtoncompress.data.synthetic.Synthetic", "split": "train", "pairs": PAIRS, "height": 32, "width": 24
}  # fmt: skip
TOLD: dict[str, Any] = {
    "calibration": {"_target_": "vtoncompress.data.calibration.Calibration", "pairs": PAIRS},
    "trajectories": {"_target_": "vtoncompress.sampling.trajectories.Trajectories", "samples": 4},
    "data": DATA,
}
# The option that makes a mode of PF-AFN one of this network.
WHOLE = "model=cat_vton_small"
MODES = {
    "float16": (), "bfloat16": (), "weight_int8": (), "weight_int4": ("quantization.group_size=8",), "nncf_ptq": (),
    "hybrid": (), "hybrid_float32": ("quantization.rest=float32",), "hybrid_weights": ("quantization.linears=weights",),
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> CatVTON:
    torch.manual_seed(0)
    model = CatVTON(SIZE, **TINY).eval()
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
        mode = configured(name.split("_float32")[0].split("_weights")[0], WHOLE, *options)
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
        without, shown = call["latents"][:, -3:, SIZE[0] // 2 :]
        assert not without.any()
        assert shown.any()
        assert np.array_equal(*call["latents"][:, :3])
    assert (len(calls[ENCODER]), len(calls[DECODER])) == (2 * PAIRS, PAIRS)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_paints_nearly_the_same_and_stores_less(
    mode: str, model: CatVTON, exported: Path, seen: Path, quantized: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    folder, told = quantized[mode]
    call = trajectories.read(seen)[UNET][0]
    before, after = (OpenVINOExporter().open(one).parts[UNET] for one in (exported / FILES, folder))  # type: ignore[attr-defined]
    expected, found = np.array(before(call)["noise"]), after(call)["noise"]
    error = np.abs(found - expected).mean() / np.abs(expected).mean()
    assert 0 < error < {"weight_int4": 0.3, "bfloat16": 0.05, "float16": 0.01}.get(mode, 0.15), error
    assert told["parts"].keys() == set(PARTS)
    described = after.describe()
    assert described["execution_precision"].startswith("f32") != (mode in ("bfloat16", "hybrid", "hybrid_weights"))
    stored, kind = (
        described["stored_bytes"],
        {"float16": "f16", "bfloat16": "bf16", "weight_int4": "i4"}.get(mode, "i8"),
    )
    layers = [one for one in model.unet.modules() if isinstance(one, torch.nn.Conv2d | torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in layers)
    width = {"f16": 2, "bf16": 2, "i8": 1}.get(kind, 0.5)
    if kind != "i4":  # of which small layers have 8 bits
        assert stored[kind] >= width * weights
    else:
        assert stored[kind] + stored["i8"] >= width * weights


@pytest.mark.parametrize("mode, integer_products", [("nncf_ptq", True), ("hybrid_weights", False), ("hybrid", True)])
def test_linear_layers_are_integers_or_only_stored_so(
    mode: str, integer_products: bool, quantized: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    nodes = read_ir(quantized[mode][0], UNET).get_ops()
    rounded = {
        node.get_type_name()
        for node in nodes
        if node.get_type_name() in ("Convolution", "MatMul") and _first_of(node, "FakeQuantize")
    }
    assert rounded == ({"Convolution", "MatMul"} if integer_products else {"Convolution"})


def test_attention_alone(model: CatVTON, exported: Path, seen: Path, tmp_path: Path) -> None:
    shutil.copytree(exported / FILES, tmp_path, dirs_exist_ok=True)
    mode = configured("hybrid", WHOLE, "quantization.scope=self_attention", "quantization.rest=float32")
    told = mode.convert(tmp_path, "openvino", model, Material(trajectories=trajectories.read(seen)))
    names = {name for name, _ in model.named_modules()}
    attention = [name for name in names if ".attn1.to_" in name and not name.endswith("to_out")]
    assert (
        told["quantized_layers"]
        == told["parts"][UNET]["layers"]
        == len(attention) - sum(name.endswith(".to_out.1") for name in attention)
    )
    for part in (ENCODER, DECODER):
        files = [folder / f"{part}.bin" for folder in (tmp_path, exported / FILES)]
        assert files[0].read_bytes() == files[1].read_bytes()


def _first_of(node: Any, kind: str) -> bool:
    """Whether the node's first input is of that kind, past what only reshapes it."""
    source = node.input_value(0).get_node()
    while source.get_type_name() in ("Reshape", "Transpose", "Convert"):
        source = source.input_value(0).get_node()
    return bool(source.get_type_name() == kind)
