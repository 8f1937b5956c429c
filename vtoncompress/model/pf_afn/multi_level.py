"""What the flow of each level makes of the garment, held against what it should be (Ge et al., CVPR 2021, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]


def warp_levels(sample: Distance, picture: Tensor, grids: Sequence[Tensor]) -> list[Tensor]:
    """A picture at the size of each level, warped by that level's grid.

    Args:
        sample: ``sample(picture, grid)``, a :class:`vtoncompress.model.pf_afn.flow.GridSample`.
        picture: (N, C, H, W).
        grids: (N, 2, h, w) each, in -1..1.

    Returns:
        (N, C, h, w) each.
    """
    return [sample(at_size_of(grid, picture), grid) for grid in grids]


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
