"""Training lowers the loss, and a run that was killed ends where an undisturbed one does, to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vtoncompress.data.base import Pair
from vtoncompress.finetuning.supervised import Supervised
from vtoncompress.model.pf_afn import PFAFN


class Endless:
    """The pairs again and again; ``before`` is called with the index of each that is asked for."""

    def __init__(self, pairs: list[Pair], before: Callable[[int], None] = lambda index: None) -> None:
        self.pairs, self.before = pairs, before

    def __getitem__(self, index: int) -> Pair:
        self.before(index)
        return self.pairs[index % len(self.pairs)]


def _mode(**changed: Any) -> Supervised:
    options: dict[str, Any] = {
        "samples": 8, "batch_size": 2, "learning_rate": 2e-3, "warmup": 1, "clip": 1.0, "mixed_precision": "no",
        "workers": 0, "checkpoint_every": 2, "batch_norm_pairs": 2,
    }  # fmt: skip
    return Supervised(**{**options, **changed})


def _loss(model: PFAFN, batch: dict[str, Tensor]) -> float:
    with torch.no_grad():
        return float(torch.stack(list(copy.deepcopy(model).train().loss(batch).values())).sum())


def _killed_at(pair: int) -> Callable[[int], None]:
    def kill(index: int) -> None:
        if index == pair:
            raise KeyboardInterrupt

    return kill


@pytest.fixture(scope="module")
def undisturbed(
    toys: dict[str, PFAFN], pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory
) -> tuple[PFAFN, dict[str, Any], list[int]]:
    model, asked = copy.deepcopy(toys["official"]), []
    summary = _mode(samples=12).train(model, Endless(pairs, asked.append), tmp_path_factory.mktemp("undisturbed"))
    return model, summary, asked


def test_the_loss_falls(
    undisturbed: tuple[PFAFN, dict[str, Any], list[int]], toys: dict[str, PFAFN], batch: dict[str, Tensor]
) -> None:
    assert _loss(undisturbed[0], batch) < 0.95 * _loss(toys["official"], batch)


def test_the_budget_is_a_number_of_new_pairs(undisturbed: tuple[PFAFN, dict[str, Any], list[int]]) -> None:
    model, summary, asked = undisturbed
    assert asked == [0, *range(12), 0, 1]  # one by which the run is known; the last two are for the batch norms
    assert summary["steps"] == 6
    terms = {"flow", "roughness", "warped", "image", "structure", "weight"}
    assert set(summary) == {"steps", *(f"loss_{name}" for name in terms)}
    assert all(np.isfinite(value) for value in summary.values())
    assert not model.training


def test_a_killed_run_goes_on_to_the_same_result(
    undisturbed: tuple[PFAFN, dict[str, Any], list[int]], toys: dict[str, PFAFN], pairs: list[Pair], tmp_path: Path
) -> None:
    model, asked = copy.deepcopy(toys["official"]), []
    with pytest.raises(KeyboardInterrupt):
        _mode(samples=12).train(copy.deepcopy(model), Endless(pairs, _killed_at(10)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    torch.manual_seed(1)  # what came before must not matter
    summary = _mode(samples=12).train(model, Endless(pairs, asked.append), tmp_path)
    assert asked == [0, 8, 9, 10, 11, 0, 1]  # steps 0 to 3 were in the checkpoint
    assert summary == undisturbed[1]
    expected = undisturbed[0].state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


def test_a_run_killed_at_its_end_reports_the_same_losses(pairs: list[Pair], tmp_path: Path) -> None:
    """They are means over the last tenth, a part of which lies before the last checkpoint."""
    options = {"samples": 40, "checkpoint_every": 19}
    small = [_shrink(pair) for pair in pairs]
    model, begun = PFAFN(1 / 32, (64, 64)), []

    def kill_before_batch_norms(index: int) -> None:
        """The first pair is asked for to know the run, to learn from it, and at last for the batch norms."""
        if index == 0:
            begun.append(index)
        if len(begun) == 3:
            raise KeyboardInterrupt

    expected = _mode(**options).train(copy.deepcopy(model), Endless(small), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _mode(**options).train(copy.deepcopy(model), Endless(small, kill_before_batch_norms), tmp_path / "killed")
    assert torch.load(tmp_path / "killed" / "training.pt", weights_only=True)["step"] == 19  # of 20
    assert _mode(**options).train(model, Endless(small), tmp_path / "killed") == expected


def test_work_of_other_settings_is_refused(toy: PFAFN, pairs: list[Pair], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _mode(checkpoint_every=1).train(copy.deepcopy(toy), Endless(pairs, _killed_at(4)), tmp_path)
    with pytest.raises(ValueError, match="is of a run with other settings .*: remove it or restore them"):
        _mode(learning_rate=1e-4).train(toy, Endless(pairs), tmp_path)


def test_a_loss_that_is_not_finite_ends_the_run_with_its_step(toy: PFAFN, pairs: list[Pair], tmp_path: Path) -> None:
    broken = replace(pairs[2], flow=np.full_like(pairs[2].flow, np.nan))
    with pytest.raises(FloatingPointError, match="the training loss is nan at step 1 of 4"):
        _mode().train(toy, Endless([*pairs[:2], broken, pairs[3]]), tmp_path)
    assert not list(tmp_path.iterdir())  # nothing to go on from


def test_pairs_without_truth_are_refused(toy: PFAFN, pairs: list[Pair], tmp_path: Path) -> None:
    real = [replace(pair, truth=None, region=None, flow=None) for pair in pairs]
    with pytest.raises(ValueError, match=r"supervised training needs generated data \(data=synthetic\)"):
        _mode().train(toy, Endless(real), tmp_path)


@pytest.mark.parametrize("samples, batch_size", [(1, 2), (4, 1), (0, 0), (15, 16)])
def test_budgets_without_a_batch_are_refused(samples: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match=rf"finetuning\.samples={samples} with finetuning\.batch_size={batch_size}"):
        _mode(samples=samples, batch_size=batch_size)


def _shrink(pair: Pair) -> Pair:
    """The middle of a pair: fast, and as good as any for asking whether two runs are the same."""
    names = ("person", "garment", "garment_mask", "truth", "region", "flow")
    return replace(pair, **{name: getattr(pair, name)[32:96, 16:80].copy() for name in names})
