"""PF-AFN's generator: a residual U-Net that finishes the picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS_IN = 7
CHANNELS_OUT = 4
BASE_CHANNELS = 64
DOWNSAMPLINGS = 5
WIDEST = 8


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.block(x))


class UnetLevel(nn.Module):
    """One level of the U-Net around the level below: halves, refines, descends, doubles, refines.

    All but the outermost return their input beside their output, concatenated.
    """

    def __init__(self, outer: int, inner: int, channels_in: int, below: UnetLevel | None, outermost: bool) -> None:
        super().__init__()
        self.outermost = outermost
        down = [nn.Conv2d(channels_in, inner, 3, 2, 1, bias=False)]
        down_norm = [] if outermost or below is None else [nn.BatchNorm2d(inner)]
        up = [
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(inner if below is None else 2 * inner, outer, 3, padding=1, bias=False),
        ]
        up_refine = [] if outermost else [nn.BatchNorm2d(outer), nn.ReLU(), ResidualBlock(outer), ResidualBlock(outer)]
        down_refine = [nn.ReLU(), ResidualBlock(inner), ResidualBlock(inner)]
        descend = [] if below is None else [below]
        self.model = nn.Sequential(*down, *down_norm, *down_refine, *descend, *up, *up_refine)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Generator(nn.Module):
    """Residual U-Net of five downsamplings.

    Args:
        width: factor on all channel counts; 1 is the published network.
        channels_in: of what it finishes.
    """

    def __init__(self, width: float, channels_in: int = CHANNELS_IN) -> None:
        super().__init__()
        channels = [round(width * BASE_CHANNELS * min(2**i, WIDEST)) for i in range(DOWNSAMPLINGS)]
        level: UnetLevel | None = None
        for outer, inner in zip(reversed(channels[:-1]), reversed(channels[1:]), strict=True):
            level = UnetLevel(outer, inner, outer, level, outermost=False)
        self.model = UnetLevel(CHANNELS_OUT, channels[0], channels_in, level, outermost=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 7, H, W): person, warped garment, its mask -> (N, 4, H, W): picture and blending weight, unbounded."""
        return self.model(x)


def blend(output: Tensor, warped: Tensor, warped_mask: Tensor) -> tuple[Tensor, Tensor]:
    """A generator's output (N, 4, H, W) with the warped garment in it: the picture (N, 3, H, W) in -1..1, and the
    weight (N, 1, H, W) that the garment has."""
    weight = torch.sigmoid(output[:, 3:]) * warped_mask
    return warped * weight + torch.tanh(output[:, :3]) * (1 - weight), weight
