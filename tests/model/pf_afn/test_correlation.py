"""The loop is the definition; the banded form is the same function, and so are its gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vtoncompress.model.pf_afn.correlation import Correlation, banded_correlation, correlation


def _features(*shape: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for _ in range(2)]


def test_a_shifted_copy_answers_in_the_channel_of_its_shift() -> None:
    """Rows first: channel (dy + d) * (2d + 1) + (dx + d) is the product with ``second`` dy down and dx to the right."""
    first, second = torch.zeros(1, 2, 5, 6), torch.zeros(1, 2, 5, 6)
    first[0, :, 2, 3] = torch.tensor([3.0, 4.0])
    second[0, :, 1, 5] = torch.tensor([2.0, 0.5])
    cost = correlation(first, second, 2)
    assert cost.shape == (1, 25, 5, 6)
    dy, dx = 1 - 2, 5 - 3
    assert cost[0, (dy + 2) * 5 + (dx + 2), 2, 3] == 8
    assert cost.count_nonzero() == 1


@pytest.mark.parametrize("form", [correlation, banded_correlation])
def test_outside_the_picture_counts_as_zero(form: Callable[..., Tensor]) -> None:
    ones = torch.ones(1, 3, 4, 4)
    cost = form(ones, ones, 1)
    assert (cost[0, 0, 0] == 0).all()  # up and left of the first row
    assert (cost[0, 0, 1:, 1:] == 3).all()
    assert (cost[0, 4] == 3).all()  # no shift


@pytest.mark.parametrize("samples, channels, height, width", [(1, 4, 4, 3), (3, 5, 7, 13), (2, 1, 1, 1), (2, 3, 5, 25)])
@pytest.mark.parametrize("displacement", [1, 2, 3])
def test_both_forms_give_the_same_value_and_gradient(
    samples: int, channels: int, height: int, width: int, displacement: int
) -> None:
    results = []
    for form in (correlation, banded_correlation):
        first, second = _features(samples, channels, height, width)
        cost = form(first, second, displacement)
        weights = torch.linspace(-1, 1, cost.numel(), dtype=cost.dtype).reshape(cost.shape)
        (cost * weights).sum().backward()
        results.append((cost, first.grad, second.grad))
    assert results[0][0].shape == (samples, (2 * displacement + 1) ** 2, height, width)
    for loop, banded in zip(*results, strict=True):
        torch.testing.assert_close(banded, loop, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", [correlation, banded_correlation])
def test_gradients_are_those_of_finite_differences(form: Callable[..., Tensor]) -> None:
    assert torch.autograd.gradcheck(lambda first, second: form(first, second, 2), _features(2, 2, 3, 5))


def test_the_layer_divides_by_a_constant_whatever_channels_are_left() -> None:
    layer = Correlation(8)
    first, second = (torch.ones(1, 4, 3, 3), torch.full((1, 4, 3, 3), 2.0))
    with torch.inference_mode():
        assert layer(first, second)[0, 24, 1, 1] == 4 * 2 / 8
    trained = layer(first.requires_grad_(), second)
    torch.testing.assert_close(trained[0, 24], torch.ones(3, 3))


def test_the_layer_takes_features_of_different_precision() -> None:
    layer = Correlation(4)
    cost = layer(torch.ones(1, 4, 3, 3), torch.ones(1, 4, 3, 3, dtype=torch.bfloat16))
    assert cost.dtype == torch.bfloat16
    assert cost[0, 24, 1, 1] == 1
