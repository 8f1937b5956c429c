"""Triton's kernels are the function and the gradients that the loop defines; without a GPU, by Triton's interpreter."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from vtoncompress.model.pf_afn.correlation import correlation
from vtoncompress.model.pf_afn.correlation.layer import form_for

KERNEL = "vtoncompress.model.pf_afn.correlation.gpu_kernel"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Odd sizes, a row longer than a program's, more channels than are read at a time, and another displacement than 3.
CASES = [((2, 3, 5, 7), 3), ((1, 19, 3, 37), 3), ((1, 5, 4, 9), 1)]


@pytest.fixture(scope="module")
def kernel() -> Iterator[ModuleType]:
    pytest.importorskip("triton", reason="Triton is not installed")
    before = os.environ.get("TRITON_INTERPRET")
    if DEVICE == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"
    sys.modules.pop(KERNEL, None)
    yield importlib.import_module(KERNEL)
    sys.modules.pop(KERNEL, None)
    os.environ.pop("TRITON_INTERPRET", None)
    if before is not None:
        os.environ["TRITON_INTERPRET"] = before


@pytest.mark.parametrize("shape, displacement", CASES)
def test_it_gives_the_value_and_the_gradients_of_the_loop(
    kernel: ModuleType, shape: tuple[int, ...], displacement: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(shape, generator=generator).to(DEVICE).requires_grad_() for _ in range(2))
    expected = correlation(first, second, displacement)
    torch.testing.assert_close(kernel.correlate(first.detach(), second.detach(), displacement), expected.detach())
    gradient = torch.randn(expected.shape, generator=generator).to(DEVICE)
    expected.backward(gradient)
    for other, wanted, turned in ((second, first.grad, False), (first, second.grad, True)):
        found = kernel.blend(gradient, other.detach(), displacement, turned)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_half_precision_is_summed_in_float32(kernel: ModuleType) -> None:
    ones = torch.full((1, 40, 2, 3), 8.0, dtype=torch.float16, device=DEVICE)
    cost = kernel.correlate(ones, ones, 1)
    assert cost.dtype == torch.float16
    assert cost[0, 4, 1, 1] == 40 * 64


def test_it_runs_where_it_is_asked_for_on_a_gpu() -> None:
    assert form_for("triton", graph=False, device="cuda") == "triton"
    assert form_for("triton", graph=False) == "compiled"
    assert form_for("triton", graph=True) == "banded"
    assert form_for("triton", graph=False, device="cuda", dtype=torch.float64) == "banded"
    assert form_for("fastest", graph=False, device="cuda") == "banded"  # until it was timed on one
