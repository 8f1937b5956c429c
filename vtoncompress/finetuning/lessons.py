"""What a student learns from its teacher, sample by sample, and when it does (Ge et al., CVPR 2021, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gate(student: Tensor, teacher: Tensor, truth: Tensor) -> Tensor:
    """The paper's adjustable factor: 1 where the teacher's picture is nearer to the truth in L1, otherwise 0.

    Args:
        student, teacher, truth: (N, 3, H, W).

    Returns:
        (N,), which no gradient flows through.
    """
    with torch.no_grad():
        errors = [(picture.float() - truth).abs().flatten(1).mean(1) for picture in (student, teacher)]
        return (errors[1] < errors[0]).to(truth.dtype)


def flow_lesson(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """(N,): the sum over levels of the mean distance |x| + |y|, in pixels. Flows of each level, (N, 2, h, w)."""
    distances = [(x - y).abs().sum(1).flatten(1).mean(1) for x, y in zip(student, teacher, strict=True)]
    return torch.stack(distances).sum(0)


def feature_lesson(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """(N,): the mean over feature maps (N, C, h, w) of the squared error, in shares of what the teacher's vary by.

    The shares make levels count alike, whatever the scale of their features: whoever says the mean of every channel is
    wrong by 1.
    """
    shares = []
    for x, y in zip(student, teacher, strict=True):
        x, y = x.float(), y.float()
        variance = y.var((0, 2, 3), correction=0).sum()
        shares.append((x - y).square().sum(1).flatten(1).mean(1) / variance.clamp_min(1e-12))
    return torch.stack(shares).mean(0)


def picture_lesson(student: Tensor, teacher: Tensor) -> Tensor:
    """(N,): the mean absolute difference of pictures (N, 3, H, W)."""
    return (student.float() - teacher.float()).abs().flatten(1).mean(1)
