"""The network is the published one: same keys and shapes, and with the same weights the same outputs."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from vtoncompress.model.pf_afn import PFAFN

GOLDEN = Path(__file__).parents[2] / "golden"
SIZE = (128, 96)
# By its weights' own rounding float32 differs from float64 by 2e-6 and 3e-5.
BOUNDS = {"official": 1e-4, "seed": 1e-3}
OTHER = {"official": "seed", "seed": "official"}
PARTS = {"warp": "AFWM(input_nc=3)", "generator": "ResUnetGenerator(7,4,5,ngf=64,BatchNorm2d)"}


def fill(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The rule of shared/golden/README.md: weights that need no file."""
    return {key: _fill(key, state[key]) for key in sorted(state)}


def _fill(key: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)
    r = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))
    if key.endswith("running_var"):
        return 1 + 0.1 * r.abs()
    if key.endswith("running_mean"):
        return 0.1 * r
    if tensor.dim() > 1:
        return r * math.sqrt(2 / tensor[0].numel()) * (1.5 if key.startswith("aflow_net.") else 0.5)
    return 1 + 0.1 * r if key.endswith("weight") else 0.1 * r


def image(seed: int, channels: int) -> Tensor:
    height, width = SIZE
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, channels, height // 16, width // 16, generator=generator) * 2 - 1
    return F.interpolate(coarse, size=SIZE, mode="bilinear", align_corners=False)


@pytest.fixture(scope="module")
def vectors() -> dict[str, Tensor]:
    return load_file(GOLDEN / "pf_afn.safetensors")


@pytest.fixture(scope="module")
def models() -> dict[str, PFAFN]:
    """Both conventions around the same tensors: built without memory, filled once."""
    built = {}
    for convention in BOUNDS:
        with torch.device("meta"):
            built[convention] = PFAFN(1.0, SIZE, convention)
    weights = {part: fill(module.state_dict()) for part, module in built["official"].parts.items()}
    for model in built.values():
        for part, module in model.parts.items():
            module.load_state_dict(weights[part], assign=True)
        model.eval()
    return built


@pytest.fixture(scope="module")
def found(models: dict[str, PFAFN]) -> dict[str, Tensor]:
    with torch.inference_mode():
        results = {"gen.128x96.output": models["official"].generator(image(3, 7))}
        for convention, model in models.items():
            warped, grids = model.warp(image(1, 3), image(2, 3))
            results[f"warp.128x96.{convention}.warped_cloth"] = warped
            results[f"warp.128x96.{convention}.flow"] = grids[-1]
    return {name: tensor[..., ::4, ::4] for name, tensor in results.items()}


@pytest.mark.parametrize("part", PARTS)
def test_keys_and_shapes_are_the_published_ones(models: dict[str, PFAFN], part: str) -> None:
    published = json.loads((GOLDEN / "pf_afn_state_dict.json").read_text())[PARTS[part]]
    ours = {key: list(value.shape) for key, value in models["official"].parts[part].state_dict().items()}
    assert ours == published


def test_every_vector_is_compared(vectors: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    assert set(found) == set(vectors)
    assert {name: tensor.shape for name, tensor in found.items()} == {name: v.shape for name, v in vectors.items()}


@pytest.mark.parametrize("output", ["warped_cloth", "flow"])
@pytest.mark.parametrize("convention", BOUNDS)
def test_the_warp_network_gives_the_golden_outputs_under_its_own_convention_only(
    vectors: dict[str, Tensor], found: dict[str, Tensor], convention: str, output: str
) -> None:
    golden = vectors[f"warp.128x96.{convention}.{output}"]
    assert (found[f"warp.128x96.{convention}.{output}"] - golden).abs().max() < BOUNDS[convention]
    assert (found[f"warp.128x96.{OTHER[convention]}.{output}"] - golden).abs().mean() > 0.1


def test_the_generator_gives_the_golden_output(vectors: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    assert (found["gen.128x96.output"] - vectors["gen.128x96.output"]).abs().max() < BOUNDS["official"]
