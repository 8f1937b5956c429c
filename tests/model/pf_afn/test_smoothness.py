"""Straight flows cost nothing, bent ones by their known curvature, and gradients are those of the values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vtoncompress.model.pf_afn.smoothness import charbonnier, second_order_smoothness, total_variation


def _positions(height: int, width: int) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    return x, y


def _flow(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x, y])[None]


def test_charbonnier_is_nearly_the_absolute_value_to_the_power_of_nine_tenths() -> None:
    assert charbonnier(torch.zeros(1)).item() == pytest.approx(0, abs=1e-9)
    assert charbonnier(torch.tensor([-2.0])).item() == pytest.approx(2**0.9 - 1e-3**0.9, rel=1e-5)


def test_a_linear_flow_has_no_second_order_smoothness() -> None:
    """Moved, scaled, turned and sheared, on two levels."""
    flows = []
    for size in ((8, 6), (16, 12)):
        x, y = _positions(*size)
        flows.append(_flow(1.3 * x - 0.4 * y + 5, 0.4 * x + 0.8 * y - 2))
    assert second_order_smoothness(flows).item() == pytest.approx(0, abs=1e-9)
    assert total_variation(flows).item() == pytest.approx(2 * (1.3 + 0.4 + 0.4 + 0.8) / 2)


def test_a_bend_costs_its_second_differences_along_the_four_directions() -> None:
    """Of x^2 / 2 they are 1 along the row and both diagonals and 0 along the column; y's component is straight."""
    x, y = _positions(16, 12)
    expected = charbonnier(torch.tensor(1.0)).item() * 3 / 4 / 2
    assert second_order_smoothness([_flow(x * x / 2, y)]).item() == pytest.approx(expected, rel=1e-6)
    # Of x y they are 2 and -2 along the diagonals alone.
    expected = charbonnier(torch.tensor(2.0)).item() * 2 / 4 / 2
    assert second_order_smoothness([_flow(x * y, y)]).item() == pytest.approx(expected, rel=1e-6)


def test_a_tear_costs_more_than_a_slope() -> None:
    x, y = _positions(16, 12)
    torn = x + 4.0 * (x >= 6)
    assert second_order_smoothness([_flow(torn, y)]) > 0.2
    assert total_variation([_flow(torn - x, y - y)]).item() == pytest.approx(4 / 11 / 2)


@pytest.mark.parametrize("measure", [second_order_smoothness, total_variation])
def test_gradients_are_those_of_finite_differences(measure: object) -> None:
    flow = torch.randn(2, 2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda flow: measure([flow, 2 * flow]), flow)  # type: ignore[operator]
