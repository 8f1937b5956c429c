"""Channels go for good: fewer parameters, fewer MACs, nothing else touched, and the same network from the disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.pruning.conftest import Pruned
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.metric.macs import count_macs
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.one_shot import OneShot

PARTS = ("warp", "generator")
RATIOS = (0.25, 0.5, 0.75)
NAMES = ("person", "garment", "garment_mask")
# What a process that knows nothing but the folder makes of the pictures.
FRESH = """
import sys, numpy, pathlib, torch
from vtoncompress import checkpoint
folder = pathlib.Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))
inputs = [torch.from_numpy(array) for array in numpy.load(folder / "inputs.npz").values()]
with torch.inference_mode():
    outputs = checkpoint.load(folder)(*inputs)
numpy.savez(folder / "outputs.npz", **{name: value.numpy() for name, value in outputs.items()})
"""


def _widths(model: nn.Module) -> dict[str, tuple[int, int]]:
    return {
        name: (layer.in_channels, layer.out_channels)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d)
    }


def test_parameters_and_macs_of_both_parts_fall_with_the_ratio(toys: dict[str, PFAFN], pruned: Pruned) -> None:
    models = [toys["official"], *(pruned(ratio, *PARTS) for ratio in RATIOS)]
    inputs = dict(zip(NAMES, models[0].example_inputs(), strict=True))
    macs = [count_macs(model, inputs).modules for model in models]
    for part in PARTS:
        costs = [found[part] for found in macs]
        counts = [sum(p.numel() for p in model.parts[part].parameters()) for model in models]
        assert costs == sorted(set(costs), reverse=True), part
        assert counts == sorted(set(counts), reverse=True), part
        # A convolution between two halved layers has a quarter of its weights.
        assert 0.2 < counts[2] / counts[0] < 0.35, part


def test_every_layer_of_the_scope_loses_its_share(toys: dict[str, PFAFN], pruned: Pruned) -> None:
    dense, half = _widths(toys["official"]), _widths(pruned(0.5, *PARTS))
    fixed = set(toys["official"].output_layers())
    for name, (_, width) in dense.items():
        assert half[name][1] == (width if name in fixed else width // 2), name


@pytest.mark.parametrize("ratio", RATIOS)
def test_interfaces_keep_their_width(toys: dict[str, PFAFN], pruned: Pruned, ratio: float) -> None:
    dense, less = _widths(toys["official"]), _widths(pruned(ratio, *PARTS))
    for name in toys["official"].output_layers():
        assert less[name][1] == dense[name][1], name
    window = [f"warp.aflow_net.netMain.{level}.0" for level in range(5)]
    first = [*(f"warp.{side}_features.encoders.0.0.block.2" for side in ("image", "cond")), "generator.model.model.0"]
    assert [less[name][0] for name in window + first] == [49] * 5 + [3, 3, 7]


@pytest.mark.parametrize("ratio", RATIOS)
def test_both_pyramids_stay_tied_so_that_they_can_be_correlated(
    toys: dict[str, PFAFN], pruned: Pruned, inputs: list[Tensor], ratio: float
) -> None:
    model = pruned(ratio, *PARTS)
    pyramids = (model.warp.image_FPN, model.warp.cond_FPN)
    widths = {
        layer.out_channels for pyramid in pyramids for part in (pyramid.adaptive, pyramid.smooth) for layer in part
    }
    assert len(widths) == 1
    assert widths < {*range(16)}
    assert [head[0].in_channels for head in model.warp.aflow_net.netRefine] == [2 * widths.pop()] * 5
    with torch.inference_mode():
        outputs = model(*inputs)
    assert outputs["image"].shape == (4, 3, 128, 96)
    assert all(torch.isfinite(value).all() for value in outputs.values())


@pytest.mark.parametrize("part, other", [PARTS, PARTS[::-1]])
def test_a_scope_leaves_the_other_part_untouched_to_the_bit(
    toys: dict[str, PFAFN], pruned: Pruned, part: str, other: str
) -> None:
    dense, model = toys["official"], pruned(0.5, part)
    before, after = dense.parts[other].state_dict(), model.parts[other].state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert _widths(model.parts[part]) == _widths(pruned(0.5, *PARTS).parts[part])


def test_what_is_left_are_the_dense_network_s_own_weights(toys: dict[str, PFAFN], pruned: Pruned) -> None:
    """The generator's first layer keeps whole channels, in their order."""
    dense = toys["official"].generator.model.model[0].weight
    left = pruned(0.5, *PARTS).generator.model.model[0].weight
    kept = [index for channel in left for index, whole in enumerate(dense) if torch.equal(channel, whole)]
    assert len(kept) == len(left) == len(dense) // 2
    assert kept == sorted(kept)


def test_a_fresh_process_opens_the_same_network_to_the_bit(
    tmp_path: Path, pruned: Pruned, inputs: list[Tensor]
) -> None:
    model = pruned(0.5, *PARTS)
    checkpoint.save(model, tmp_path)
    np.savez(tmp_path / "inputs.npz", *(tensor.numpy() for tensor in inputs))
    command = [sys.executable, "-c", FRESH, str(tmp_path), str(torch.get_num_threads())]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
    with torch.inference_mode():
        expected = model(*inputs)
    with np.load(tmp_path / "outputs.npz") as found:
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert np.array_equal(found[name], value.numpy()), name


def test_the_correlation_keeps_the_dense_meaning(toy: PFAFN, inputs: list[Tensor]) -> None:
    """Channels that are zero in both pyramids add nothing to a correlation: without them the flow must be the same."""
    zero = [3, 7, 8, 14]
    for head in toy.warp.aflow_net.netMain:
        head[0].weight.data *= 100  # untrained features are small; here the flow must depend on them
    for pyramid in (toy.warp.image_FPN, toy.warp.cond_FPN):
        for layer in (*pyramid.adaptive, *pyramid.smooth):
            layer.weight.data[zero], layer.bias.data[zero] = 0, 0
    with torch.inference_mode():
        before = toy(*inputs)
    OneShot(0.25).prune(toy, ["warp.image_FPN", "warp.cond_FPN"], MagnitudeL2())
    assert toy.warp.image_FPN.smooth[0].out_channels == 12
    with torch.inference_mode():
        after = toy(*inputs)
        toy.warp.aflow_net.correlation.divisor = 12
        rescaled = toy(*inputs)
    torch.testing.assert_close(after["flow"], before["flow"], rtol=0, atol=1e-3)
    assert (rescaled["flow"] - before["flow"]).abs().max() > 0.05
    torch.testing.assert_close(after["image"], before["image"], rtol=0, atol=1e-2)


def test_round_to_keeps_multiples(toy: PFAFN) -> None:
    OneShot(0.3, round_to=8).prune(toy, ["generator"], MagnitudeL2())
    widths = {name: after for name, (_, after) in _widths(toy.generator).items() if name != "model.model.6"}
    assert {width % 8 for width in widths.values() if width > 8} == {0}
    assert min(widths.values()) >= 1
    assert max(widths.values()) < 32


def test_the_mode_stays_and_no_gradient_is_left(pruned: Pruned) -> None:
    model = pruned(0.5, *PARTS)
    assert not model.training
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5, float("nan")])
def test_a_ratio_that_is_no_share_is_refused_before_any_work(ratio: float) -> None:
    with pytest.raises(ValueError, match=rf"pruning\.ratio={ratio}: give the share of channels to remove"):
        OneShot(ratio)


def test_an_unknown_scope_is_refused_and_nothing_pruned(toy: PFAFN, toys: dict[str, PFAFN]) -> None:
    with pytest.raises(ValueError, match="scope names 'decoder', which PFAFN lacks: it has warp, generator"):
        OneShot(0.5).prune(toy, ["warp", "decoder"], MagnitudeL2())
    assert _widths(toy) == _widths(toys["official"])
