"""Adapters begin as the best linear map between features, and are nothing where widths agree."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vtoncompress.finetuning.adapters import Adapters


def _features(channels: int, seed: int) -> Tensor:
    return torch.randn(2, channels, 8, 6, generator=torch.Generator().manual_seed(seed))


def test_what_is_a_linear_map_of_the_student_s_is_found() -> None:
    student, matrix = _features(3, 0), _features(5, 1)[0, :, 0, :3]
    teacher = torch.einsum("oi,nihw->nohw", matrix, student) + 2
    adapters = Adapters([student], [teacher])
    assert adapters([student])[0].abs().max() == 0
    adapters.fit([student], [teacher])
    torch.testing.assert_close(adapters([student])[0], teacher, rtol=1e-2, atol=2e-2)


def test_none_is_better_than_the_fitted_one() -> None:
    student, teacher = _features(3, 0), _features(5, 1)
    adapters = Adapters([student], [teacher])
    adapters.fit([student], [teacher])
    error = (adapters([student])[0] - teacher).square().mean()
    error.backward()
    assert max(parameter.grad.abs().max() for parameter in adapters.parameters()) < 1e-4


def test_equal_widths_are_compared_as_they_are() -> None:
    student, teacher = _features(3, 0), _features(3, 1)
    adapters = Adapters([student], [teacher])
    adapters.fit([student], [teacher])
    assert isinstance(adapters[0], nn.Identity)
    assert not [*adapters.parameters()]
    assert adapters([student])[0] is student


def test_more_channels_than_pixels_still_give_a_map() -> None:
    student, teacher = _features(200, 0), _features(5, 1)
    adapters = Adapters([student], [teacher])
    adapters.fit([student], [teacher])
    assert all(parameter.isfinite().all() for parameter in adapters.parameters())


def test_no_random_number_is_drawn() -> None:
    torch.manual_seed(0)
    Adapters([_features(3, 0)], [_features(5, 1)])
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert drawn == torch.rand(1)
