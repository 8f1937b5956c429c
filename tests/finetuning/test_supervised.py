"""Training lowers the loss, and a run that was killed ends where an undisturbed one does, to the bit."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from tests.conftest import TRUTH, loss_of
from vtoncompress.data.base import Pair
from vtoncompress.finetuning import loop
from vtoncompress.finetuning.pairs import mirror, training_tensors
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
        "workers": 0, "checkpoint_every": 2, "batch_norm_pairs": 2, "loss": TRUTH,
    }  # fmt: skip
    return Supervised(**{**options, **changed})


def _loss(model: PFAFN, batch: dict[str, Tensor]) -> float:
    with torch.no_grad():
        return float(torch.stack(list(loss_of(copy.deepcopy(model).train(), batch).values())).sum())


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
    model, summary, asked = undisturbed[0], dict(undisturbed[1]), undisturbed[2]
    assert asked == [0, *range(12), 0, 1]  # one by which the run is known; the last two are for the batch norms
    assert summary["steps"] == 6
    terms = {"flow", "roughness", "warped", "image", "structure", "weight"}
    assert summary["processes"] == 1
    assert set(summary) == {"steps", "processes", "curve", *(f"loss_{name}" for name in terms)}
    curve = summary.pop("curve")
    assert all(np.isfinite(value) for value in summary.values())
    assert curve["step"] == [1, 2, 3, 4, 5, 6]
    assert set(curve) == {"step", *(f"loss_{name}" for name in terms)}
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
    refused = r"is of a run with other settings \({} instead of {}\): remove it or restore them"
    with pytest.raises(ValueError, match=refused.format("learning_rate=0.002", "0.0001")):
        _mode(learning_rate=1e-4).train(toy, Endless(pairs), tmp_path)
    with torch.no_grad():
        next(toy.parameters()).mul_(2)
    with pytest.raises(ValueError, match=refused.format("initial_weights=[0-9a-f]{16}", "[0-9a-f]{16}")):
        _mode().train(toy, Endless(pairs), tmp_path)


def test_work_from_before_an_option_existed_goes_on(toy: PFAFN, pairs: list[Pair], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _mode(checkpoint_every=1).train(copy.deepcopy(toy), Endless(pairs, _killed_at(4)), tmp_path)
    state = torch.load(tmp_path / "training.pt", weights_only=True)
    identity = json.loads(state["identity"])
    del identity["accumulation"]
    torch.save({**state, "identity": json.dumps(identity)}, tmp_path / "training.pt")
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        _mode().train(toy, Endless(pairs, lambda index: (asked.append(index), _killed_at(5)(index))), tmp_path)
    assert asked == [0, 2, 3, 4, 5]


def test_accumulation_takes_the_mean_gradient_of_the_micro_batches(
    toy: PFAFN, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against gradients computed one micro-batch at a time, before they are clipped."""
    seen = [mirror(training_tensors(pair)) if i % 2 else training_tensors(pair) for i, pair in enumerate(pairs)]
    expected: dict[str, Tensor] = {}
    for half in (default_collate(seen[:2]), default_collate(seen[2:])):
        model = copy.deepcopy(toy).train()
        torch.stack(list(loss_of(model, half).values())).sum().backward()
        for name, value in model.named_parameters():
            expected[name] = expected.get(name, 0) + value.grad / 2
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_: None)
    _mode(samples=4, batch_size=4, accumulation=2, clip=1e9, batch_norm_pairs=0).train(toy, Endless(pairs), tmp_path)
    for name, value in toy.named_parameters():
        torch.testing.assert_close(value.grad, expected[name], rtol=1e-4, atol=1e-6)


def test_a_process_may_train_in_one_precision_and_then_in_another(pairs: list[Pair], tmp_path: Path) -> None:
    small, model = [_shrink(pair) for pair in pairs], PFAFN(1 / 32, (64, 64))
    losses = {}
    for precision in ("no", "bf16", "no"):
        mode = _mode(samples=2, mixed_precision=precision)
        summary = mode.train(copy.deepcopy(model), Endless(small), tmp_path / precision)
        assert summary == losses.setdefault(precision, summary)
    assert losses["no"] != losses["bf16"]


def test_a_loss_that_is_not_finite_ends_the_run_with_its_step(toy: PFAFN, pairs: list[Pair], tmp_path: Path) -> None:
    broken = replace(pairs[2], flow=np.full_like(pairs[2].flow, np.nan))
    with pytest.raises(FloatingPointError, match="the training loss is nan at step 1 of 4"):
        _mode().train(toy, Endless([*pairs[:2], broken, pairs[3]]), tmp_path)
    assert not list(tmp_path.iterdir())  # nothing to go on from


def test_no_gradient_is_taken_of_a_loss_that_is_not_finite(pairs: list[Pair], tmp_path: Path) -> None:
    """Where weights that exploded sample at no place, that would end the process by a signal."""
    small = [_shrink(pair) for pair in pairs]
    model = PFAFN(1 / 32, (64, 64))
    mode = _mode(samples=16, batch_size=4, accumulation=2, learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="the training loss is (nan|inf) at step 1 of 4"):
        mode.train(model, Endless(small), tmp_path)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_pairs_without_truth_are_refused(toy: PFAFN, pairs: list[Pair], tmp_path: Path) -> None:
    real = [replace(pair, truth=None, region=None, flow=None) for pair in pairs]
    with pytest.raises(ValueError, match=r"supervised training needs generated pairs \(data=synthetic\)"):
        _mode().train(toy, Endless(real), tmp_path)


@pytest.mark.parametrize("samples, batch_size", [(1, 2), (4, 1), (0, 0), (15, 16)])
def test_budgets_without_a_batch_are_refused(samples: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match=rf"finetuning\.samples={samples} with finetuning\.batch_size={batch_size}"):
        _mode(samples=samples, batch_size=batch_size)


@pytest.mark.parametrize("batch_size, accumulation, processes", [(4, 3, 1), (4, 4, 1), (4, 1, 4), (8, 2, 4), (4, 0, 1)])
def test_batches_that_cannot_be_cut_are_refused(batch_size: int, accumulation: int, processes: int) -> None:
    with pytest.raises(
        ValueError, match=rf"finetuning\.accumulation={accumulation} and {processes} processes: .* equal"
    ):
        _mode(batch_size=batch_size, accumulation=accumulation, processes=processes)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="finetuning.mixed_precision=fp16: choose one of no, bf16"):
        _mode(mixed_precision="fp16")


def test_other_processes_than_the_launcher_s_are_refused(
    toy: PFAFN, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "join_group", lambda: SimpleNamespace(num_processes=3))
    with pytest.raises(ValueError, match="finetuning.processes=2, but the launcher started 3: drop one"):
        _mode(batch_size=4, processes=2).train(toy, Endless(pairs), tmp_path)


def test_nothing_in_the_loss_is_made_on_the_cpu(toy: PFAFN, batch: dict[str, Tensor]) -> None:
    """A device without values stands for a GPU: neither takes part in one operation with the CPU."""
    model = toy.train().to("meta")
    terms = loss_of(model, {name: tensor.to("meta") for name, tensor in batch.items()})
    torch.stack(list(terms.values())).sum().backward()
    assert {value.device.type for value in terms.values()} == {"meta"}
    assert {parameter.grad.device.type for parameter in model.parameters()} == {"meta"}


def _shrink(pair: Pair) -> Pair:
    """The middle of a pair: fast, and as good as any for asking whether two runs are the same."""
    names = ("person", "garment", "garment_mask", "truth", "region", "flow")
    return replace(pair, **{name: getattr(pair, name)[32:96, 16:80].copy() for name in names})


@pytest.mark.parametrize("content", [b"", b"torn", b"PK\x03\x04" + bytes(64)])
def test_a_torn_checkpoint_is_one_line_with_its_remedy(
    toy: PFAFN, pairs: list[Pair], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "training.pt").write_bytes(content)
    with pytest.raises(ValueError, match="training.pt is damaged: remove it, and training begins anew") as caught:
        _mode().train(toy, Endless(pairs), tmp_path)
    assert "\n" not in str(caught.value)
