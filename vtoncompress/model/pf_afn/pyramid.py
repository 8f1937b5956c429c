"""Feature encoder and feature pyramid of the warp network, one of each for the garment and for the person."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Downsample(nn.Module):
    """Batch norm, ReLU, 3x3 convolution of stride 2: (N, C, H, W) -> (N, C', H / 2, W / 2)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.BatchNorm2d(channels_in), nn.ReLU(), nn.Conv2d(channels_in, channels_out, 3, 2, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class PreActivationBlock(nn.Module):
    """Residual block with batch norm and ReLU before each of two 3x3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class FeatureEncoder(nn.Module):
    """(N, channels_in, H, W) -> features of each level i, finest first, (N, channels[i], H / 2^(i+1), W / 2^(i+1))."""

    def __init__(self, channels: tuple[int, ...], channels_in: int = 3) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            nn.Sequential(Downsample(before, after), PreActivationBlock(after), PreActivationBlock(after))
            for before, after in zip((channels_in, *channels[:-1]), channels, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for encoder in self.encoders:
            x = encoder(x)
            features.append(x)
        return features


class FeaturePyramid(nn.Module):
    """Top-down pyramid: every level's features brought to ``width`` channels, added to the coarser level's, smoothed.

    Its layers are numbered from the coarsest level, as the published checkpoints are.
    """

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.adaptive = nn.ModuleList(nn.Conv2d(c, width, 1) for c in reversed(channels))
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Features finest first -> pyramid finest first, level i (N, width, H / 2^(i+1), W / 2^(i+1))."""
        pyramid: list[Tensor] = []
        for feature, adaptive, smooth in zip(reversed(features), self.adaptive, self.smooth, strict=True):
            level = adaptive(feature)
            if pyramid:
                level = level + F.interpolate(pyramid[0], scale_factor=2, mode="nearest")
            pyramid.insert(0, smooth(level))
        return pyramid
