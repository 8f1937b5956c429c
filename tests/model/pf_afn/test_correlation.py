"""The loop is the definition; the other forms are the same function, and so are their gradients."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.correlation import (
    Correlation,
    banded_correlation,
    compiled,
    compiled_correlation,
    correlation,
    kernel,
    team,
)
from vtoncompress.model.pf_afn.correlation.compiled import LEAST_MACS
from vtoncompress.model.pf_afn.correlation.layer import FORMS

# One pixel; odd sizes, wider than a vector; more channels than are copied at a time, and a number that fills no vector.
SHAPES = [(1, 4, 4, 3), (3, 5, 7, 13), (2, 1, 1, 1), (2, 37, 9, 35), (1, 3, 5, 67), (1, 131, 4, 5)]


def _features(*shape: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for _ in range(2)]


def _with_gradients(form: Callable[..., Tensor], first: Tensor, second: Tensor, displacement: int) -> list[Tensor]:
    """The result, its gradients, and the gradients of something made of these."""
    cost = form(first, second, displacement)
    weights = torch.linspace(-1, 1, cost.numel(), dtype=cost.dtype).reshape(cost.shape)
    gradients = torch.autograd.grad((cost * cost * weights).sum(), (first, second), create_graph=True)
    again = torch.autograd.grad((gradients[0] ** 2 * gradients[1]).sum(), (first, second))
    return [cost, *gradients, *again]


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


@pytest.mark.parametrize("form", list(dict.fromkeys(FORMS.values())), ids=lambda form: form.__name__)
def test_outside_the_picture_counts_as_zero(form: Callable[..., Tensor]) -> None:
    ones = torch.ones(1, 3, 4, 4)
    cost = form(ones, ones, 1)
    assert (cost[0, 0, 0] == 0).all()  # up and left of the first row
    assert (cost[0, 0, 1:, 1:] == 3).all()
    assert (cost[0, 4] == 3).all()  # no shift


@pytest.mark.parametrize("form", [banded_correlation, compiled_correlation])
@pytest.mark.parametrize("displacement", [0, 1, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_form_gives_the_value_and_the_gradients_of_the_loop(
    form: Callable[..., Tensor], shape: tuple[int, ...], displacement: int
) -> None:
    expected = _with_gradients(correlation, *_features(*shape), displacement)
    assert expected[0].shape == (shape[0], (2 * displacement + 1) ** 2, *shape[2:])
    for found, wanted in zip(_with_gradients(form, *_features(*shape), displacement), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=2e-6 * float(wanted.detach().abs().max() + 1))


@pytest.mark.parametrize("form", [correlation, banded_correlation])
def test_gradients_are_those_of_finite_differences(form: Callable[..., Tensor]) -> None:
    features = _features(2, 2, 3, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda first, second: form(first, second, 2), features)


def test_the_compiled_gradient_is_that_of_finite_differences() -> None:
    """Of a function of degree two, which a central difference of any width has without error."""
    (first, second), step = _features(1, 3, 4, 5), 0.5
    compiled_correlation(first, second, 2).sum().backward()
    for place in (0, 17, 59):
        moved = [first.detach().clone() for _ in range(2)]
        for one, sign in zip(moved, (1, -1), strict=True):
            one.view(-1)[place] += sign * step
        high, low = (compiled_correlation(one, second.detach(), 2).sum() for one in moved)
        torch.testing.assert_close(first.grad.view(-1)[place], (high - low) / (2 * step), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("own_threads", [False, True])
def test_the_compiled_form_shares_large_work_out_and_takes_any_layout(
    own_threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are no multiple of a block's, in three threads, from four at once, of features in another order."""
    if own_threads:
        monkeypatch.setattr(team, "_openmp", lambda: None)
    first, second = (x.detach().to(memory_format=torch.channels_last) for x in _features(2, 40, 37, 33))
    assert first.numel() * 49 > LEAST_MACS
    expected, threads = correlation(first, second), torch.get_num_threads()
    weights = torch.randn(2, 49, 37, 33, generator=torch.Generator().manual_seed(0))
    blended = [compiled._blend(weights, first, 3, turned) for turned in (False, True)]
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: compiled_correlation(first, second[:], 3), range(4)))
        blended_by_three = [compiled._blend(weights, first, 3, turned) for turned in (False, True)]
    finally:
        torch.set_num_threads(threads)
    for one in found:
        torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(blended_by_three, blended)


@pytest.mark.parametrize("together", [1, 2])
def test_processors_with_fewer_registers_take_fewer_rows_at_once(
    together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(kernel.__file__).read_text().replace("ROWS_TOGETHER = ", f"ROWS_TOGETHER = {together} #")
    (tmp_path / f"rows{together}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    fewer = importlib.import_module(f"rows{together}")
    monkeypatch.delitem(sys.modules, f"rows{together}")
    assert together == fewer.ROWS_TOGETHER
    monkeypatch.setattr(compiled, "_kernel", lambda: fewer)
    first, second = (x.detach() for x in _features(1, 66, 7, 19))
    torch.testing.assert_close(compiled_correlation(first, second), correlation(first, second), rtol=1e-5, atol=1e-4)


def test_maps_of_different_shapes_are_refused_before_anything_is_read() -> None:
    first, _ = _features(2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"have shapes \(2, 3, 4, 5\) and \(1, 3, 4, 5\): the same is needed"):
        compiled_correlation(first, first[:1])
    with pytest.raises(ValueError, match=r"\(2, 9, 4, 5\) and \(2, 25, 4, 5\)"):
        compiled._blend(torch.ones(2, 9, 4, 5), first.detach(), 2, False)


def test_the_compiled_form_is_an_operation_that_torch_accepts() -> None:
    first, second = _features(1, 3, 4, 5)
    torch.library.opcheck(torch.ops.vtoncompress.correlate.default, (first, second, 2))
    weights = torch.ones(1, 25, 4, 5, requires_grad=True)
    torch.library.opcheck(torch.ops.vtoncompress.blend.default, (weights, first, 2, True))


@pytest.mark.parametrize("choice", ["fastest", "loop", "banded"])
def test_the_layer_divides_by_a_constant_whatever_channels_are_left(choice: str) -> None:
    layer = Correlation(8, choice=choice)
    first, second = (torch.ones(1, 4, 3, 3), torch.full((1, 4, 3, 3), 2.0))
    with torch.inference_mode():
        assert layer(first, second)[0, 24, 1, 1] == 4 * 2 / 8
    trained = layer(first.requires_grad_(), second)
    torch.testing.assert_close(trained[0, 24], torch.ones(3, 3))


@pytest.mark.parametrize("choice", ["fastest", "loop", "banded"])
def test_the_layer_takes_features_of_different_precision(choice: str) -> None:
    layer, first = Correlation(4, choice=choice), torch.ones(1, 4, 3, 3, requires_grad=True)
    cost = layer(first, torch.ones(1, 4, 3, 3, dtype=torch.bfloat16))
    assert cost.dtype == torch.bfloat16
    assert cost[0, 24, 1, 1] == 1
    cost[:, 24].sum().backward()
    torch.testing.assert_close(first.grad, torch.full_like(first, 0.25))


def test_which_form_runs_is_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    for name, form in FORMS.items():
        monkeypatch.setitem(FORMS, name, lambda *a, name=name, form=form: used.append(name) or form(*a))
    network, feature = PFAFN(1 / 32, (64, 64)), torch.ones(1, 4, 6, 5)
    layer = network.warp.aflow_net.correlation
    for choice, eager, graph in (("fastest", "compiled", "banded"), ("loop", "loop", "loop")):
        network.correlation = choice
        assert [network.forms(graph=kind)["correlation"] for kind in (False, True)] == [eager, graph]
        used.clear()
        layer(feature, feature)
        torch.jit.trace(layer, (feature, feature), check_trace=False)
        torch.export.export(layer, (feature, feature))
        assert used == [eager, graph, graph]
    network.correlation = "fastest"
    layer(feature.double(), feature.double())  # the kernel would round
    assert used[-1] == "banded"


def test_the_choice_is_kept_by_a_network_and_refused_where_it_is_unknown() -> None:
    network = PFAFN(1 / 32, (64, 64), correlation="banded")
    assert PFAFN(**network.arguments()).correlation == "banded"
    assert "correlation" not in PFAFN(1 / 32, (64, 64)).arguments()  # a checkpoint says what it computes, not how
    network.use_definitions()
    assert network.forms(graph=False)["correlation"] == "loop"
    with pytest.raises(
        ValueError, match=r"correlation=quick is unknown: choose one of fastest, loop, banded, compiled, triton"
    ):
        PFAFN(1 / 32, (64, 64), correlation="quick")
