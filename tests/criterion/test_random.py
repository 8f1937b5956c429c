from __future__ import annotations

from collections import Counter

import torch
import torch_pruning as tp
from torch import nn

from tests.criterion.conftest import CHANNELS, group_of
from vtoncompress.criterion.random import Random


def test_the_seed_alone_decides(network: nn.Sequential) -> None:
    group = group_of(network)
    torch.manual_seed(3)
    first = Random().importance(network)(group)
    torch.rand(5)  # as training would
    assert torch.equal(Random().importance(network)(group), first)
    torch.manual_seed(4)
    assert not torch.equal(Random().importance(network)(group), first)
    assert first.shape == (CHANNELS,)


def test_groups_get_different_numbers(network: nn.Sequential) -> None:
    importance, group = Random().importance(network), group_of(network)
    assert not torch.equal(importance(group), importance(group))


def test_in_two_steps_every_pair_of_channels_goes_as_often() -> None:
    """Of three channels one goes in each step."""
    gone: Counter[frozenset[int]] = Counter()
    for seed in range(300):
        torch.manual_seed(seed)
        left = [0, 1, 2]
        while len(left) > 1:
            network = nn.Sequential(nn.Conv2d(2, len(left), 1), nn.Conv2d(len(left), 1, 1))
            graph = tp.DependencyGraph().build_dependency(network, torch.zeros(1, 2, 1, 1))
            group = graph.get_pruning_group(network[0], tp.prune_conv_out_channels, idxs=[*range(len(left))])
            torch.manual_seed(seed)
            left.pop(int(Random().importance(network)(group).argmin()))
        gone[frozenset({0, 1, 2} - {*left})] += 1
    assert min(gone.values()) > 75  # 100 are expected, 8.2 is the standard deviation
