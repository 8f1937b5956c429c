from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.export.conftest import pictures
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.integer_convolution import IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.min_max import input_grids, make_integer


@pytest.fixture(scope="module")
def folded(model: PFAFN) -> PFAFN:
    network = fold_batch_norms(model)
    assert isinstance(network, PFAFN)
    return network


def test_grids_reach_from_the_smallest_to_the_largest_input(folded: PFAFN) -> None:
    """The generator's first convolution sees a person and a warped garment, both of known range."""
    seen: list[torch.Tensor] = []
    first = folded.get_submodule("generator.model.model.0")
    hook = first.register_forward_pre_hook(lambda layer, given: seen.append(given[0].clone()))
    [grid] = input_grids(folded, ["generator.model.model.0"], pictures(3)).values()
    hook.remove()
    low, high = min(float(one.min()) for one in seen), max(float(one.max()) for one in seen)
    assert low < 0 < high
    # 2 / 255, the step of a pixel, is widened a little.
    assert grid.scale == pytest.approx((high - low) / 255, rel=1.001e-3)
    assert -grid.zero_point * grid.scale == pytest.approx(low, abs=grid.scale)
    assert (255 - grid.zero_point) * grid.scale == pytest.approx(high, abs=grid.scale)
    assert not first._forward_pre_hooks


def test_integers_stay_near_the_float_network(folded: PFAFN) -> None:
    layers = quantized_layers(folded, ["generator"])
    grids = input_grids(folded, layers, pictures(3))
    network = fold_batch_norms(folded)
    make_integer(network, grids)
    assert sum(isinstance(layer, IntegerConv2d) for layer in network.modules()) == len(layers)
    for tensors in pictures(2):
        before, after = (TorchRuntime(one)(tensors)["image"] for one in (folded, network))
        assert 0 < np.abs(before - after).mean() < 0.02


def test_what_is_always_zero_has_a_grid(folded: PFAFN) -> None:
    inputs = [{name: np.zeros_like(value) for name, value in pictures(1)[0].items()}]
    [grid] = input_grids(folded, ["warp.image_features.encoders.0.0.block.2"], inputs).values()
    assert grid.scale > 0
