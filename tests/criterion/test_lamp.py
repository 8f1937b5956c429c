from __future__ import annotations

import torch
from torch import nn

from tests.criterion.conftest import group_of
from vtoncompress.criterion.lamp import Lamp
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2


def test_a_channel_s_score_is_its_share_of_those_that_are_not_less(network: nn.Sequential) -> None:
    magnitude = MagnitudeL2().importance()(group_of(network))
    expected = torch.stack([one / magnitude[magnitude >= one].sum() for one in magnitude])
    torch.testing.assert_close(Lamp().importance()(group_of(network)), expected)


def test_the_most_important_channel_of_every_group_counts_1(network: nn.Sequential) -> None:
    torch.testing.assert_close(Lamp().importance()(group_of(network)).max(), torch.tensor(1.0))
