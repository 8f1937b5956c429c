"""The definition: one product of the whole maps for each displacement."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

DISPLACEMENT = 3


def correlation(first: Tensor, second: Tensor, displacement: int = DISPLACEMENT) -> Tensor:
    """Sum over channels of ``first`` times ``second`` shifted by up to ``displacement`` pixels each way.

    Args:
        first, second: (N, C, H, W).
        displacement: d, so that the window is (2d + 1) x (2d + 1), rows first.

    Returns:
        (N, (2d + 1)^2, H, W); outside the picture ``second`` counts as zero.
    """
    height, width = first.shape[-2:]
    padded = F.pad(second, [displacement] * 4)
    window = range(2 * displacement + 1)
    return torch.stack(
        [(first * padded[..., y : y + height, x : x + width]).sum(1) for y in window for x in window], dim=1
    )
