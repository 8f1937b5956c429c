from __future__ import annotations

import torch
from torch import nn

from tests.criterion.conftest import group_of
from vtoncompress.criterion.bn_scale import BatchNormScale
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2


def test_it_is_the_size_of_the_batch_norm_s_factors_in_units_of_their_mean(network: nn.Sequential) -> None:
    network[1].weight.data[2] *= -1
    scale = network[1].weight.detach().abs()
    torch.testing.assert_close(BatchNormScale().importance()(group_of(network)), scale / scale.mean())


def test_a_group_without_a_batch_norm_is_ranked_by_its_weights(network: nn.Sequential) -> None:
    bare = nn.Sequential(network[0], nn.ReLU(), network[2])
    found, magnitude = (one().importance()(group_of(bare)) for one in (BatchNormScale, MagnitudeL2))
    torch.testing.assert_close(found, magnitude)
