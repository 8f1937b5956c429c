"""What tracers get computes what the network computes."""

from __future__ import annotations

import pytest
import torch

from tests.export.conftest import pictures
from vtoncompress.export.tracing import example_inputs, fold_batch_norms
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.correlation import Correlation, banded_correlation, correlation


@pytest.mark.parametrize("height, width", [(1, 1), (5, 3), (4, 7), (3, 12), (7, 13), (9, 25), (16, 48)])
@pytest.mark.parametrize("displacement", [1, 3])
def test_banded_correlation_equals_the_loop(height: int, width: int, displacement: int) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 5, height, width, generator=generator) for _ in range(2))
    expected = correlation(first, second, displacement)
    for block in (4, 12):
        torch.testing.assert_close(banded_correlation(first, second, displacement, block), expected)


def test_exporting_uses_the_banded_form_and_eager_inference_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr(
        "vtoncompress.model.pf_afn.correlation.banded_correlation",
        lambda *arguments: used.append("banded") or correlation(*arguments),
    )
    layer, feature = Correlation(4), torch.ones(1, 4, 6, 5)
    with torch.no_grad():
        layer(feature, feature)
        assert used == []
        torch.jit.trace(layer, (feature, feature), check_trace=False)
    assert used == ["banded"]


def test_folded_batch_norms_give_the_same_picture(model: PFAFN) -> None:
    folded = fold_batch_norms(model)
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules()) < sum(
        isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()
    )
    tensors = {name: torch.from_numpy(value) for name, value in pictures(1)[0].items()}
    with torch.inference_mode():
        torch.testing.assert_close(folded(**tensors)["image"], model(**tensors)["image"], rtol=0, atol=1e-4)


def test_example_inputs_fit_the_network(model: PFAFN) -> None:
    shapes = {name: tuple(value.shape) for name, value in example_inputs(model).items()}
    assert shapes == {"person": (1, 3, 96, 64), "garment": (1, 3, 96, 64), "garment_mask": (1, 1, 96, 64)}
