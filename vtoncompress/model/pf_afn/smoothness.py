"""How far appearance flows are from smooth, of all levels at once (Ge et al., CVPR 2021, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON, EXPONENT = 1e-3, 0.45  # of Sun et al., IJCV 2014, whose penalty the paper takes
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(rows, columns) from a pixel to one of two opposite neighbours: horizontal, vertical and both diagonals."""


def charbonnier(x: Tensor, epsilon: float = EPSILON, exponent: float = EXPONENT) -> Tensor:
    """Generalised Charbonnier penalty (x^2 + epsilon^2)^exponent, less what it is at 0."""
    return (x * x + epsilon**2) ** exponent - epsilon ** (2 * exponent)


def second_order_smoothness(flows: Sequence[Tensor]) -> Tensor:
    """Sum over levels of the mean of P(f(t - n) + f(t + n) - 2 f(t)) over components x and y, pixels t and steps n.

    P is :func:`charbonnier`, n horizontal, vertical and both diagonal; a pixel without both neighbours has no part in
    a step's mean. Neighbouring flows on a straight line cost nothing: a garment may be moved, scaled, turned and
    sheared freely, but not torn.

    Args:
        flows: (N, 2, h, w) each, in pixels, h and w 3 or more; positions or offsets, whose difference is a straight
            line.
    """
    return torch.stack([_mean_curvature(flow) for flow in flows]).sum()


def _mean_curvature(flow: Tensor) -> Tensor:
    height, width = flow.shape[-2:]
    means = []
    for rows, columns in NEIGHBOURS:

        def shifted(sign: int, rows: int = rows, columns: int = columns) -> Tensor:
            top, left = rows + sign * rows, abs(columns) + sign * columns
            return flow[..., top : top + height - 2 * rows, left : left + width - 2 * abs(columns)]

        means.append(charbonnier(shifted(-1) + shifted(1) - 2 * shifted(0)).mean())
    return torch.stack(means).mean()


def total_variation(offsets: Sequence[Tensor]) -> Tensor:
    """Sum over levels of the mean absolute difference of horizontal and of vertical neighbours.

    Args:
        offsets: (N, 2, h, w) each, in pixels: how far from itself a pixel looks. Not positions, whose differences are
            never 0.
    """
    return torch.stack([_variation(offset) for offset in offsets]).sum()


def _variation(offset: Tensor) -> Tensor:
    return offset.diff(dim=-1).abs().mean() + offset.diff(dim=-2).abs().mean()
