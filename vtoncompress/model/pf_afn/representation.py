"""What a parser-based network is told of a person: pose, body and what stays, never what the person wears."""

from __future__ import annotations

import torch
from torch import Tensor

JOINTS, PARTS = 18, 25
"""OpenPose's joints and DensePose's parts with the background."""
CHANNELS = JOINTS + PARTS + 1
SPREAD = 1 / 64
"""Standard deviation of a joint's spot, in heights: 4 pixels of 256."""


def represent(joints: Tensor, parts: Tensor, kept: Tensor) -> Tensor:
    """A map for each joint, a mask for each part of the body, and the mask of what is kept (N, 44, H, W), in 0..1.

    Args:
        joints: (N, 18, 3), x and y in pixels with centres at whole numbers, and confidence; 0 where it was not seen.
        parts: (N, 1, H, W), whole numbers from 0 to 24.
        kept: (N, 1, H, W) in 0..1.
    """
    bodies = parts == torch.arange(PARTS, dtype=parts.dtype, device=parts.device).view(-1, 1, 1)
    return torch.cat([joint_maps(joints, kept.shape[-2:]), bodies.to(kept.dtype), kept], 1)


def joint_maps(joints: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, 18, 3) -> (N, 18, H, W): a Gaussian spot, 1 at its centre, about each joint that was seen."""
    height, width = size
    x = torch.arange(width, dtype=joints.dtype, device=joints.device)
    y = torch.arange(height, dtype=joints.dtype, device=joints.device)
    # A spot is the product of a row and a column, which takes no exponential a pixel.
    across, down = (
        torch.exp(-0.5 * ((axis - joints[..., index, None]) / (SPREAD * height)) ** 2)
        for index, axis in enumerate((x, y))
    )
    seen = (joints[..., 2] > 0).to(joints.dtype)[..., None, None]
    return down[..., :, None] * across[..., None, :] * seen
