"""What a student learns from its teacher, sample by sample, and when it does (Ge et al., CVPR 2021, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Lesson = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]


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


def taught(lesson: Lesson, student: Sequence[Tensor], teacher: Sequence[Tensor], opened: Tensor) -> Tensor:
    """The mean over a batch of a lesson that only samples with an open gate have; 0 where none has.

    The others are left out beforehand, for a lesson may look at all of its samples together.

    Args:
        lesson: one of those below.
        student, teacher: what it compares, (N, ...) each.
        opened: (N,), the gate.
    """
    chosen = opened.bool()
    if not chosen.any():
        return opened.new_zeros(())
    return opened.mean() * lesson([x[chosen] for x in student], [y[chosen] for y in teacher]).mean()


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


def picture_lesson(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """(N,): the sum over pictures (N, 3, H, W) of the mean absolute difference."""
    distances = [(x.float() - y.float()).abs().flatten(1).mean(1) for x, y in zip(student, teacher, strict=True)]
    return torch.stack(distances).sum(0)
