"""Two convolutions with a batch norm between them: the first one's channels are tied to both others."""

from __future__ import annotations

import pytest
import torch
import torch_pruning as tp
from torch import nn

CHANNELS = 6


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(2, CHANNELS, 3), nn.BatchNorm2d(CHANNELS), nn.Conv2d(CHANNELS, 3, 1)
    nn.init.uniform_(layers[1].weight, 0.5, 2)
    return nn.Sequential(*layers).requires_grad_(True)


def group_of(network: nn.Sequential) -> tp.Group:
    """The group of the first layer's channels."""
    graph = tp.DependencyGraph().build_dependency(network, torch.zeros(1, 2, 8, 8))
    return graph.get_pruning_group(network[0], tp.prune_conv_out_channels, idxs=[*range(CHANNELS)])
