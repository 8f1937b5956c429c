from __future__ import annotations

import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from vtoncompress.criterion.magnitude_l2 import MagnitudeL2

CHANNELS = 6


@pytest.fixture
def network() -> nn.Sequential:
    """Two convolutions; the first one's channels are tied to the inputs of the second."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, CHANNELS, 3), nn.ReLU(), nn.Conv2d(CHANNELS, 3, 1)).requires_grad_(True)


def _importance(network: nn.Sequential) -> Tensor:
    graph = tp.DependencyGraph().build_dependency(network, torch.zeros(1, 2, 8, 8))
    group = graph.get_pruning_group(network[0], tp.prune_conv_out_channels, idxs=[*range(CHANNELS)])
    return MagnitudeL2().importance()(group)


def test_it_is_the_mean_of_the_squared_norms_over_the_tied_layers_in_units_of_the_group_s_mean(
    network: nn.Sequential,
) -> None:
    out = network[0].weight.detach().pow(2).sum((1, 2, 3))
    into = network[2].weight.detach().pow(2).sum((0, 2, 3))
    expected = (out + into) / 2
    torch.testing.assert_close(_importance(network), expected / expected.mean())


def test_the_least_of_a_layer_is_the_channel_with_the_least_weights(network: nn.Sequential) -> None:
    network[0].weight.data[4] *= 1e-3
    network[2].weight.data[:, 4] *= 1e-3
    network[0].weight.data[1] *= 1e3
    importance = _importance(network)
    assert importance.argmin() == 4
    assert importance.argmax() == 1


def test_scaling_a_whole_group_changes_nothing(network: nn.Sequential) -> None:
    before = _importance(network)
    for layer in (network[0], network[2]):
        layer.weight.data *= 10
    torch.testing.assert_close(_importance(network), before)
