"""In the first phase its modules learn and nothing else changes; then everything does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import TRUTH
from tests.finetuning.conftest import Small
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.supervised import Supervised
from vtoncompress.model.pf_afn import PFAFN


def _mode(share: float, **changed: Any) -> Supervised:
    options: dict[str, Any] = {
        "samples": 8, "batch_size": 2, "learning_rate": 2e-3, "warmup": 1, "clip": 1.0, "mixed_precision": "no",
        "workers": 0, "checkpoint_every": 1, "batch_norm_pairs": 0, "loss": TRUTH,
        "first_phase": {"share": share, "modules": ["warp.aflow_net", "generator"]},
    }  # fmt: skip
    return Supervised(**{**options, **changed})


def _changed(before: PFAFN, after: PFAFN) -> set[str]:
    """The second-level modules of which a weight or a statistic is another."""
    new = after.state_dict()
    names = (name for name, value in before.state_dict().items() if not torch.equal(value, new[name]))
    return {".".join(name.split(".")[:2]) for name in names}


EVERYTHING = {
    "warp.image_features", "warp.cond_features", "warp.image_FPN", "warp.cond_FPN", "warp.aflow_net", "generator.model",
}  # fmt: skip


def test_only_its_modules_change(student: PFAFN, small: Small, tmp_path: Path) -> None:
    trained = copy.deepcopy(student)
    _mode(1.0).train(trained, small, tmp_path)
    assert _changed(student, trained) == {"warp.aflow_net", "generator.model"}
    assert all(parameter.requires_grad for parameter in trained.parameters())


def test_afterwards_everything_learns(student: PFAFN, small: Small, tmp_path: Path) -> None:
    trained = copy.deepcopy(student)
    _mode(0.5).train(trained, small, tmp_path)
    assert _changed(student, trained) == EVERYTHING


@pytest.mark.parametrize("killed", [2, 5])
def test_a_run_that_was_killed_in_either_phase_ends_where_an_undisturbed_one_does(
    student: PFAFN, small: Small, tmp_path: Path, killed: int
) -> None:
    expected, trained = copy.deepcopy(student), copy.deepcopy(student)
    summary = _mode(0.5).train(expected, small, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _mode(0.5).train(copy.deepcopy(student), small.killed_at(killed), tmp_path / "killed")
    assert _mode(0.5).train(trained, small, tmp_path / "killed") == summary
    assert not _changed(expected, trained)


def test_two_processes_pass_through_both_phases(student: PFAFN, small: Small, tmp_path: Path) -> None:
    """As one that accumulates: what is frozen must not be waited for."""
    first, second = copy.deepcopy(student), copy.deepcopy(student)
    options = {"batch_size": 4, "batch_norm_pairs": 4}
    _mode(0.5, accumulation=2, **options).train(first, small, tmp_path / "one")
    _mode(0.5, processes=2, **options).train(second, small, tmp_path / "two")
    for name, value in first.named_parameters():
        torch.testing.assert_close(second.get_parameter(name), value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"share": 1.5, "modules": ["warp"]}, "finetuning.first_phase.share=1.5: give a share"),
        ({"share": "half", "modules": ["warp"]}, "finetuning.first_phase.share=half: give a share"),
        ({"share": 0.2, "modules": []}, "finetuning.first_phase.share=0.2 of the steps without .*modules"),
        ({"part": 0.2}, "finetuning.first_phase.part is no option"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FirstPhase.of(options)


def test_a_module_that_does_not_exist_is_refused_before_any_work(student: PFAFN, small: Small, tmp_path: Path) -> None:
    mode = _mode(0.5, first_phase={"share": 0.5, "modules": ["decoder"]})
    with pytest.raises(ValueError, match="names 'decoder', which PFAFN lacks: it has warp, .*generator") as caught:
        mode.train(student, small.killed_at(0), tmp_path)
    assert "\n" not in str(caught.value)
