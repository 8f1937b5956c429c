from __future__ import annotations

import torch
from torch import nn

from tests.criterion.conftest import group_of
from vtoncompress.criterion.saliency import Saliency


def test_scores_of_a_channel_are_summed_and_averaged_over_the_tied_layers(network: nn.Sequential) -> None:
    scores = {parameter: torch.rand_like(parameter) for parameter in network.parameters()}
    out = scores[network[0].weight].sum((1, 2, 3))
    expected = (out + scores[network[1].weight] + scores[network[2].weight].sum((0, 2, 3))) / 3
    torch.testing.assert_close(Saliency(scores)(group_of(network)), expected / expected.mean())


def test_the_weights_stay(network: nn.Sequential) -> None:
    before = [parameter.clone() for parameter in network.parameters()]
    Saliency({parameter: torch.rand_like(parameter) for parameter in network.parameters()})(group_of(network))
    assert all(torch.equal(one, two) for one, two in zip(before, network.parameters(), strict=True))
