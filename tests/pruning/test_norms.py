"""What is left of a layer norm stays in its order."""

from __future__ import annotations

import torch
from torch import nn

from vtoncompress.pruning.norms import LayerNormPruner


def test_few_channels_of_many_keep_their_factors() -> None:
    """torch-pruning's own way has 513 before 13."""
    kept = [3, 13, 513, 1025, 1279]
    layer = nn.LayerNorm(1280)
    layer.weight.data, layer.bias.data = torch.arange(1280.0), -torch.arange(1280.0)
    LayerNormPruner().prune_out_channels(layer, [channel for channel in range(1280) if channel not in kept])
    assert layer.weight.tolist() == kept
    assert layer.bias.tolist() == [-channel for channel in kept]
    assert layer(torch.zeros(2, 5)).shape == (2, 5)
