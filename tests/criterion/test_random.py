from __future__ import annotations

import torch
from torch import nn

from tests.criterion.conftest import CHANNELS, group_of
from vtoncompress.criterion.random import Random


def test_the_seed_alone_decides(network: nn.Sequential) -> None:
    group = group_of(network)
    torch.manual_seed(3)
    first = Random().importance()(group)
    torch.rand(5)  # as training would
    assert torch.equal(Random().importance()(group), first)
    torch.manual_seed(4)
    assert not torch.equal(Random().importance()(group), first)
    assert first.shape == (CHANNELS,)


def test_groups_get_different_numbers(network: nn.Sequential) -> None:
    importance, group = Random().importance(), group_of(network)
    assert not torch.equal(importance(group), importance(group))
