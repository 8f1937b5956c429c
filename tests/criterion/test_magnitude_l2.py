from __future__ import annotations

import torch
from torch import nn

from tests.criterion.conftest import group_of
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2


def test_it_is_the_mean_of_the_norms_over_the_tied_layers_in_units_of_the_group_s_mean(network: nn.Sequential) -> None:
    out = network[0].weight.detach().pow(2).sum((1, 2, 3))
    scale = network[1].weight.detach().pow(2)
    into = network[2].weight.detach().pow(2).sum((0, 2, 3))
    expected = (out + scale + into) / 3
    torch.testing.assert_close(MagnitudeL2().importance()(group_of(network)), expected / expected.mean())


def test_the_least_of_a_layer_is_the_channel_with_the_least_weights(network: nn.Sequential) -> None:
    for weight in (network[0].weight.data, network[1].weight.data, network[2].weight.data.transpose(0, 1)):
        weight[4] *= 1e-3
        weight[1] *= 1e3
    importance = MagnitudeL2().importance()(group_of(network))
    assert importance.argmin() == 4
    assert importance.argmax() == 1


def test_scaling_a_whole_group_changes_nothing(network: nn.Sequential) -> None:
    before = MagnitudeL2().importance()(group_of(network))
    for layer in network:
        layer.weight.data *= 10
    torch.testing.assert_close(MagnitudeL2().importance()(group_of(network)), before)
