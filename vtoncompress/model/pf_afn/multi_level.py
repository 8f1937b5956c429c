"""What the flow of each level makes of the garment, held against what it should be (Ge et al., CVPR 2021, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]


def warp_levels(picture: Tensor, flows: Sequence[Tensor], padding_mode: str = "border") -> list[Tensor]:
    """A picture at the size of each level, warped by that level's flow.

    Args:
        picture: (N, C, H, W).
        flows: (N, 2, h, w) each, the (x, y) of the full ``picture``, in its pixels, that a pixel of the level shows.
        padding_mode: what lies outside, as in ``grid_sample``: ``border`` for a garment, ``zeros`` for its mask.

    Returns:
        (N, C, h, w) each.
    """
    extent = flows[-1].new_tensor(picture.shape[:-3:-1]).view(1, 2, 1, 1)
    warped = []
    for flow in flows:
        # Counted from edge to edge, a place has the same coordinates at every size.
        grid = (2 * flow + 1) / extent - 1
        level = at_size_of(flow, picture)
        warped.append(F.grid_sample(level, grid.permute(0, 2, 3, 1), padding_mode=padding_mode, align_corners=False))
    return warped


def multi_level(distance: Distance, warped: Sequence[Tensor], target: Tensor) -> Tensor:
    """Sum over levels of the distance from what they made to the target at their size.

    Args:
        distance: of two pictures, a scalar; for example ``torch.nn.functional.l1_loss`` or a
            :class:`vtoncompress.model.perceptual.PerceptualDistance`.
        warped: (N, C, h, w) each.
        target: (N, C, H, W).
    """
    return torch.stack([distance(level, at_size_of(level, target)) for level in warped]).sum()


def at_size_of(level: Tensor, picture: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, h, w) with the height and width of ``level``, by means over areas."""
    size = level.shape[-2:]
    return picture if picture.shape[-2:] == size else F.interpolate(picture, size=size, mode="area")


def to_level_pixels(flows: Sequence[Tensor]) -> list[Tensor]:
    """Flows in pixels of the full picture, the finest last, -> in pixels of their own level."""
    finest = flows[-1].shape[-1]
    return [(flow + 0.5) * (flow.shape[-1] / finest) - 0.5 for flow in flows]


def to_offsets(flows: Sequence[Tensor]) -> list[Tensor]:
    """Flows in pixels of the full picture, the finest last, -> how far from itself a pixel looks, in its level's."""
    found = []
    for flow in to_level_pixels(flows):
        rows, columns = (torch.arange(n, dtype=flow.dtype, device=flow.device) for n in flow.shape[-2:])
        found.append(flow - torch.stack(torch.meshgrid(columns, rows, indexing="xy")))
    return found
