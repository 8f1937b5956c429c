"""A student's features in its teacher's channels, of which it has fewer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vtoncompress.finetuning.lessons import feature_lesson

RIDGE = 1e-3
"""Of the mean variance of the student's channels; a batch may have fewer pixels on a coarse level than channels."""


def adapt(student: Tensor, teacher: Tensor) -> Tensor:
    """The student's features as they are where widths agree, otherwise through the best linear map to the teacher's.

    The map, a 1x1 convolution, is the ridge regression on these very features. FitNets (Romero et al., ICLR 2015)
    learn one beside the student; in a short fine-tuning such maps fell ever further behind it (docs/training.md). No
    gradient flows through how the map was found: at its optimum that has no part in the gradient of the error.

    Args:
        student: (N, C, h, w).
        teacher: (N, D, h, w).

    Returns:
        (N, D, h, w), float32.
    """
    student = student.float()
    if student.shape[1] == teacher.shape[1]:
        return student
    with torch.no_grad():
        weight, bias = _best_map(_columns(student), _columns(teacher))
    with torch.autocast(student.device.type, enabled=False):
        adapted = torch.einsum("dc,nchw->ndhw", weight.float(), student) + bias.float().view(1, -1, 1, 1)
    return adapted


def adapted_lesson(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """(N,): :func:`vtoncompress.finetuning.lessons.feature_lesson` of a student of any widths."""
    return feature_lesson([adapt(x, y) for x, y in zip(student, teacher, strict=True)], teacher)


def _columns(features: Tensor) -> Tensor:
    """(N, C, h, w) -> (C, N h w) in float64, in which the sums over many pixels lose nothing."""
    return features.double().transpose(0, 1).flatten(1)


def _best_map(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    mean_x, mean_y = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
    x, y = x - mean_x, y - mean_y
    covariance = x @ x.T
    # The smallest number keeps a student that says nothing solvable.
    ridge = RIDGE * covariance.diagonal().mean() + torch.finfo(x.dtype).tiny
    weight = torch.linalg.solve(covariance + ridge * torch.eye(len(x), dtype=x.dtype, device=x.device), x @ y.T).T
    return weight, (mean_y - weight @ mean_x)[:, 0]
