"""The gate lets the right network through and stops the wrong one with the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.export.parity import ParityError, check_parity
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.model.pf_afn import PFAFN


class Altered(Runtime):
    """The torch network, with something done to one of its outputs."""

    def __init__(self, model: PFAFN, output: str, offset: float) -> None:
        self.runtime, self.output, self.offset = TorchRuntime(model), output, offset

    def __call__(self, inputs: Tensors) -> Tensors:
        outputs = self.runtime(inputs)
        return outputs | {self.output: outputs[self.output] + np.float32(self.offset)}

    def describe(self) -> dict[str, Any]:
        return {}


def test_the_same_network_passes_with_zeros(model: PFAFN, inputs: list[Tensors]) -> None:
    assert set(check_parity(model, TorchRuntime(model), inputs, 0).values()) == {0.0}


def test_differences_are_in_levels_of_255(model: PFAFN, inputs: list[Tensors]) -> None:
    found = check_parity(model, Altered(model, "image", 2 / 255), inputs, 1.01)
    assert found["parity_mean"] == pytest.approx(1, rel=1e-3)
    assert found["parity_max"] == pytest.approx(1, rel=1e-3)


def test_flow_is_in_pixels(model: PFAFN, inputs: list[Tensors]) -> None:
    found = check_parity(model, Altered(model, "flow", 3.0), inputs, 0)
    assert found["parity_flow_px"] == pytest.approx(3 * 2**0.5, rel=1e-3)


def test_too_different_fails_with_the_numbers(model: PFAFN, inputs: list[Tensors]) -> None:
    with pytest.raises(ParityError, match=r"by 10 levels of 255 .* 8 are allowed .*p999 10.*max 10.*flow_px 0"):
        check_parity(model, Altered(model, "image", 20 / 255), inputs, 8)


@pytest.mark.parametrize("output", ["image", "flow"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_fails(output: str, value: float, model: PFAFN, inputs: list[Tensors]) -> None:
    with pytest.raises(ParityError, match=f"{output} is not finite for pair 0"):
        check_parity(model, Altered(model, output, value), inputs, 1e9)


def test_no_pairs_is_no_proof(model: PFAFN) -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        check_parity(model, TorchRuntime(model), [], 1)
