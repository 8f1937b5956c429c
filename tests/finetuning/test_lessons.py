"""Each lesson is 0 for the teacher's own, and a known number for what differs from it in a known way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vtoncompress.finetuning import lessons


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_gate_opens_for_the_samples_whose_teacher_is_nearer() -> None:
    truth = _random(4, 3, 8, 6)
    student = truth + torch.tensor([0.2, 0.2, 0.2, 0.0]).view(4, 1, 1, 1)
    teacher = truth - torch.tensor([0.1, 0.3, 0.2, 0.0]).view(4, 1, 1, 1)
    student.requires_grad_()
    found = lessons.gate(student, teacher, truth)
    assert found[[0, 1, 3]].tolist() == [1, 0, 0]
    assert not found.requires_grad


def test_a_flow_is_wrong_by_its_pixels_on_every_level() -> None:
    teacher = [_random(2, 2, 4, 3), _random(2, 2, 8, 6)]
    student = [flow + torch.tensor([1.0, -2.0]).view(1, 2, 1, 1) for flow in teacher]
    student[0][1] = teacher[0][1]
    torch.testing.assert_close(lessons.flow_lesson(student, teacher), torch.tensor([6.0, 3.0]))
    assert lessons.flow_lesson(teacher, teacher).tolist() == [0, 0]


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_features_are_wrong_by_1_where_only_their_means_are_known(scale: float) -> None:
    teacher = [scale * _random(3, 5, 4, 3) + 7]
    mean = teacher[0].mean((0, 2, 3), keepdim=True).expand_as(teacher[0])
    assert lessons.feature_lesson([mean], teacher).mean().item() == pytest.approx(1, rel=1e-4)
    assert lessons.feature_lesson(teacher, teacher).tolist() == [0, 0, 0]


def test_a_picture_is_wrong_by_its_mean_difference() -> None:
    teacher = _random(2, 3, 4, 4)
    student = teacher + torch.tensor([0.5, 0.0]).view(2, 1, 1, 1)
    torch.testing.assert_close(lessons.picture_lesson([student], [teacher]), torch.tensor([0.5, 0.0]))


def test_only_open_samples_have_a_part_in_a_lesson() -> None:
    """Also not in the variance that a feature's error is a share of."""
    teacher, student = _random(4, 5, 4, 3), _random(4, 5, 4, 3, seed=1)
    gate = torch.tensor([1.0, 0.0, 1.0, 0.0])
    found = lessons.taught(lessons.feature_lesson, [student], [teacher], gate)
    assert found == lessons.feature_lesson([student[::2]], [teacher[::2]]).mean() / 2
    teacher[1] *= 1000
    student[3] += 1000
    assert lessons.taught(lessons.feature_lesson, [student], [teacher], gate) == found
    assert lessons.taught(lessons.feature_lesson, [student], [teacher], torch.zeros(4)) == 0


def test_gradients_are_those_of_finite_differences() -> None:
    student, teacher = _random(2, 2, 3, 3).double().requires_grad_(), _random(2, 2, 3, 3, seed=1).double()
    assert torch.autograd.gradcheck(lambda x: lessons.flow_lesson([x, x * 2], [teacher, teacher]), student)
    x, y = _random(2, 2, 3, 3).requires_grad_(), _random(2, 2, 3, 3, seed=1)
    assert torch.autograd.gradcheck(lambda x: lessons.feature_lesson([x], [y]), x, eps=1e-2, atol=1e-2, rtol=1e-2)
