"""The map is the best linear one, the gradient that of the error it leaves, and equal widths need none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vtoncompress.finetuning.adaptation import adapt


def _features(channels: int, seed: int) -> Tensor:
    return torch.randn(2, channels, 8, 6, generator=torch.Generator().manual_seed(seed))


def _error(student: Tensor, teacher: Tensor) -> Tensor:
    return (adapt(student, teacher) - teacher).square().sum()


def test_what_is_a_linear_map_of_the_student_s_is_found() -> None:
    student, matrix = _features(3, 0), _features(5, 1)[0, :, 0, :3]
    teacher = torch.einsum("oi,nihw->nohw", matrix, student) + 2
    torch.testing.assert_close(adapt(student, teacher), teacher, rtol=1e-2, atol=2e-2)


def test_the_error_of_unrelated_features_is_that_of_least_squares() -> None:
    student, teacher = _features(3, 0), _features(5, 1)
    x, y = (one.transpose(0, 1).flatten(1).T for one in (student, teacher))
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    expected = (x @ torch.linalg.lstsq(x, y).solution - y).square().sum().item()
    assert _error(student, teacher).item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_is_that_of_the_error_under_a_map_that_follows_the_student() -> None:
    """Against finite differences, for which the map is found anew."""
    student, teacher = _features(3, 0).requires_grad_(), _features(5, 1)
    (gradient,) = torch.autograd.grad(_error(student, teacher), student)
    with torch.no_grad():
        ahead, behind = (_error(student + step * gradient, teacher) for step in (0.05, -0.05))
    assert ((ahead - behind) / 0.1).item() == pytest.approx(gradient.square().sum().item(), rel=0.02)


def test_equal_widths_are_compared_as_they_are() -> None:
    student, teacher = _features(3, 0), _features(3, 1)
    assert torch.equal(adapt(student, teacher), student)


def test_more_channels_than_pixels_or_a_silent_student_still_give_a_map() -> None:
    teacher = _features(5, 1)
    assert adapt(_features(200, 0), teacher).isfinite().all()
    silent = adapt(torch.zeros(2, 3, 8, 6), teacher)
    torch.testing.assert_close(silent, teacher.mean((0, 2, 3), keepdim=True).expand_as(teacher))
