"""Bilinear sampling of feature maps as ordinary graph operations: four gathers of whole pixels, and their mean."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_CHANNELS = 16


def is_gathered(channels: int) -> bool:
    """Whether features are sampled so in a graph: with few channels a pixel is too short to be worth a copy."""
    return channels >= LEAST_CHANNELS


def gathered_sample(image: Tensor, grid: Tensor, align_corners: bool) -> Tensor:
    """``grid_sample``, bilinear, at the rim beyond the picture, of features with many channels.

    A runtime's own operation wants one channel's pixels side by side, and looks each of them up by itself. Here all
    channels of a pixel lie side by side, as convolutions give and take them, and are copied at once.

    Args:
        image: (N, C, H, W).
        grid: (N, 2, H', W'), x and y in -1..1.
        align_corners: what -1 and 1 are, as in ``grid_sample``.

    Returns:
        (N, C, H', W').
    """
    samples, channels, height, width = (int(extent) for extent in image.shape)
    tall, wide = (int(extent) for extent in grid.shape[-2:])
    x, y = (
        _to_pixels(grid[:, axis].reshape(-1, 1), extent, align_corners) for axis, extent in enumerate((width, height))
    )
    left, top = x.floor(), y.floor()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    pixels = image.permute(0, 2, 3, 1).reshape(samples * height * width, channels)
    begins = torch.arange(samples, device=image.device) * height * width
    begin = begins.to(torch.int32).repeat_interleave(tall * wide)

    def at(row: Tensor, column: Tensor) -> Tensor:
        place = (row * width + column).flatten().to(torch.int32)
        return torch.index_select(pixels, 0, place if samples == 1 else place + begin)

    across, down = (x - left).to(image.dtype), (y - top).to(image.dtype)
    above = at(top, left) * (1 - across) + at(top, right) * across
    below = at(bottom, left) * (1 - across) + at(bottom, right) * across
    result = above * (1 - down) + below * down
    return result.reshape(samples, tall, wide, channels).permute(0, 3, 1, 2)


def _to_pixels(place: Tensor, extent: int, align_corners: bool) -> Tensor:
    pixel = (place + 1) / 2 * (extent - 1) if align_corners else ((place + 1) * extent - 1) / 2
    return pixel.clamp(0, extent - 1)
