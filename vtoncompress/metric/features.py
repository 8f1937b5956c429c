"""The small network shipped with the package: features for FID and KID where Inception's weights are not at hand."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights" / "features.safetensors"
SIZE = (128, 96)
GRID = (4, 3)
CHANNELS = (16, 32, 48, 96, 128)
EARLY = 2
"""Stages whose activations become features; the later ones only teach them."""
DIMENSION = 32


def _stage(channels_in: int, channels_out: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


class FeatureNetwork(nn.Module):
    """The first two stages of a network trained to say what a person wears, pooled and whitened.

    Early layers, because the last ones only keep what the labels ask for: they don't see that a sleeve is blurred or a
    stripe bent. The mean of each channel in each cell of a 4x3 grid keeps where things are. Whitening (fitted to undamaged
    training pictures) gives rare deviations the weight that the large ones, the colours, would have alone.
    """

    centre: Tensor
    projection: Tensor

    def __init__(self) -> None:
        super().__init__()
        pooled = CHANNELS[EARLY - 1] * GRID[0] * GRID[1]
        self.stages = nn.Sequential(_stage(3, CHANNELS[0], 5, 2), _stage(CHANNELS[0], CHANNELS[1], 3, 1))
        self.register_buffer("centre", torch.zeros(pooled))
        self.register_buffer("projection", torch.zeros(pooled, DIMENSION))

    def pool(self, pictures: Tensor) -> Tensor:
        """(N, 3, 128, 96) in 0..255 -> (N, 384)."""
        return F.adaptive_avg_pool2d(self.stages(pictures / 127.5 - 1), GRID).flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, 128, 96) in 0..255 -> (N, 32)."""
        features: Tensor = (self.pool(pictures) - self.centre) @ self.projection
        return features
