from __future__ import annotations

import torch
from torch import nn

from tests.criterion.conftest import CHANNELS, group_of
from vtoncompress.criterion.fpgm import FPGM
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import find_groups


def test_it_is_the_sum_of_the_distances_to_all_other_filters_in_units_of_the_mean(network: nn.Sequential) -> None:
    filters = network[0].weight.detach().flatten(1)
    sums = torch.stack([(filters - one).norm(dim=1).sum() for one in filters])
    torch.testing.assert_close(FPGM().importance()(group_of(network)), sums / sums.mean())


def test_the_filter_in_the_middle_goes_first(network: nn.Sequential) -> None:
    direction = torch.ones_like(network[0].weight[0])
    for channel in range(CHANNELS):
        network[0].weight.data[channel] = direction * (channel - 2)  # -2 .. 3: the medians are channels 2 and 3
    importance = FPGM().importance()(group_of(network))
    assert set(importance.topk(2, largest=False).indices.tolist()) == {2, 3}
    assert set(importance.topk(2).indices.tolist()) == {0, CHANNELS - 1}


def test_a_filter_and_its_negative_are_far_apart(network: nn.Sequential) -> None:
    network[0].weight.data[:] = network[0].weight.data[0]
    network[0].weight.data[5] *= -1
    assert FPGM().importance()(group_of(network)).argmax() == 5


def test_tied_layers_that_give_the_channels_count_alike(toy: PFAFN) -> None:
    group = next(one for one in find_groups(toy, ["warp"]) if "warp.image_FPN.smooth.4" in one.members)
    assert group.members == ("warp.image_FPN.smooth.4", "warp.cond_FPN.smooth.4")
    filters = [toy.get_submodule(name).weight.detach().flatten(1) for name in group.members]
    sums = sum(torch.cdist(one, one).sum(1) for one in filters)
    torch.testing.assert_close(FPGM().importance()(group.tied), sums / sums.mean())
