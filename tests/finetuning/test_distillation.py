"""A teacher teaches where it is better and nowhere else, and a killed run ends where an undisturbed one does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from tests.conftest import PAPER, TRUTH, loss_of
from tests.finetuning.conftest import Small
from vtoncompress import checkpoint
from vtoncompress.finetuning.distillation import Distillation, Lessons
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.pf_afn import PFAFN

ALL = {"flow": 0.05, "features": 0.1, "image": 0.5}


def _mode(**changed: Any) -> Distillation:
    options: dict[str, Any] = {
        "samples": 12, "batch_size": 2, "learning_rate": 2e-3, "warmup": 1, "clip": 1.0, "mixed_precision": "no",
        "workers": 0, "checkpoint_every": 2, "batch_norm_pairs": 2, "loss": TRUTH, "distillation": ALL,
    }  # fmt: skip
    return Distillation(**{**options, **changed})


def _lessons(student: PFAFN, teacher: PFAFN) -> Lessons:
    return Lessons(student, OwnLoss(TRUTH), teacher, ALL, "a teacher")


def _gradient(loss: Tensor, model: PFAFN) -> Tensor:
    gradients = torch.autograd.grad(loss, [*model.parameters()])
    return torch.cat([one.flatten() for one in gradients])


def _sum(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack([value for name, value in terms.items() if name != "teacher_better"]).sum()


@pytest.fixture
def seen(small: Small) -> dict[str, Tensor]:
    """Two pairs as a loss takes them."""
    return default_collate([training_tensors(pair) for pair in small.pairs[:2]])


def _picture(model: PFAFN, batch: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        return model(batch["person"], batch["garment"], batch["garment_mask"])["image"]


def test_a_worse_teacher_has_no_influence(student: PFAFN, teacher: PFAFN, seen: dict[str, Tensor]) -> None:
    """The truth is what the student makes: no teacher is better."""
    objective = _lessons(student, teacher)
    seen["truth"] = _picture(student, seen)
    terms = objective(seen)
    assert terms["teacher_better"] == 0
    expected = _gradient(torch.stack(list(loss_of(student, seen).values())).sum(), student)
    assert torch.equal(_gradient(_sum(terms), student), expected)


def test_a_better_teacher_has_some(student: PFAFN, teacher: PFAFN, seen: dict[str, Tensor]) -> None:
    objective = _lessons(student, teacher)
    seen["truth"] = _picture(teacher, seen)
    terms = objective(seen)
    assert terms["teacher_better"] == 1
    plain = _gradient(torch.stack(list(loss_of(student, seen).values())).sum(), student)
    assert (_gradient(_sum(terms), student) - plain).norm() > 0.01 * plain.norm()
    for name in ("flow", "features", "image"):
        assert terms[f"teacher_{name}"] > 0


def test_of_two_samples_the_one_with_a_better_teacher_counts(
    student: PFAFN, teacher: PFAFN, seen: dict[str, Tensor]
) -> None:
    objective = _lessons(student, teacher)
    seen["truth"] = torch.stack([_picture(teacher, seen)[0], _picture(student, seen)[1]])
    both = {name: value.item() for name, value in objective(seen).items()}
    assert both["teacher_better"] == 0.5
    alone = objective({name: tensor[:1] for name, tensor in seen.items()})
    for name in ("teacher_flow", "teacher_features", "teacher_image"):
        assert both[name] == pytest.approx(alone[name].item() / 2, rel=1e-4)


def test_what_a_sample_looks_like_does_not_matter_where_its_gate_is_closed(
    student: PFAFN, teacher: PFAFN, seen: dict[str, Tensor]
) -> None:
    """Neither for the map between two widths nor for the variance."""
    objective = _lessons(student, teacher)
    first, other = (objective._trace(model, seen) for model in (student, objective.teacher))
    gate = torch.tensor([1.0, 0.0])
    seen["person"][1], seen["garment"][1] = seen["garment"][1].flip(-1), seen["person"][1].flip(-1)
    second, another = (objective._trace(model, seen) for model in (student, objective.teacher))
    assert not torch.allclose(other.features[0][1], another.features[0][1])
    before, after = objective._lessons(first, other, gate), objective._lessons(second, another, gate)
    for name, value in before.items():
        assert after[name].item() == pytest.approx(value.item(), rel=1e-4), name


def test_a_network_learns_nothing_from_itself(student: PFAFN, seen: dict[str, Tensor]) -> None:
    """Even where the gate is open."""
    objective = _lessons(student, copy.deepcopy(student))
    trace, same = (objective._trace(model, seen) for model in (student, objective.teacher))
    found = objective._lessons(trace, same, torch.ones(2))
    assert set(found) == {"teacher_flow", "teacher_features", "teacher_image"}
    assert all(value == 0 for value in found.values())


@pytest.fixture
def undisturbed(student: PFAFN, teacher: PFAFN, small: Small, tmp_path: Path) -> tuple[PFAFN, dict[str, Any]]:
    trained = copy.deepcopy(student)
    return trained, _mode().train(trained, small, tmp_path / "undisturbed", teacher)


def test_the_teacher_is_not_changed_and_the_record_names_it(
    undisturbed: tuple[PFAFN, dict[str, Any]], student: PFAFN, teacher: PFAFN
) -> None:
    model, summary = undisturbed
    torch.manual_seed(1)
    assert weights_hash(teacher) == weights_hash(PFAFN(1 / 16, (64, 64)))
    assert not teacher.training
    parameters = sum(parameter.numel() for parameter in teacher.parameters())
    assert summary["teacher"] == {"network": "dense", "weights": weights_hash(teacher), "parameters": parameters}
    assert 0 <= summary["teacher_better"] <= 1
    assert all(np.isfinite(summary[f"loss_teacher_{name}"]) for name in ALL)
    assert "perceptual" not in summary
    assert model.state_dict().keys() == student.state_dict().keys()
    assert weights_hash(model) != weights_hash(student)


@pytest.mark.parametrize("killed", [3, 10])
def test_a_killed_run_goes_on_to_the_same_result(
    undisturbed: tuple[PFAFN, dict[str, Any]], student: PFAFN, teacher: PFAFN, small: Small, tmp_path: Path, killed: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        _mode().train(copy.deepcopy(student), small.killed_at(killed), tmp_path / "killed", teacher)
    torch.manual_seed(1)  # what came before must not matter
    summary = _mode().train(student, small, tmp_path / "killed", teacher)
    assert summary == undisturbed[1]
    expected = undisturbed[0].state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in student.state_dict().items())


def test_work_of_another_teacher_is_refused(student: PFAFN, teacher: PFAFN, small: Small, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _mode().train(copy.deepcopy(student), small.killed_at(6), tmp_path, teacher)
    with torch.no_grad():
        next(teacher.parameters()).mul_(2)
    with pytest.raises(ValueError, match="training.pt is of a run with other settings .teacher="):
        _mode().train(student, small, tmp_path, teacher)


def test_two_processes_end_where_one_does_that_accumulates(
    student: PFAFN, teacher: PFAFN, small: Small, tmp_path: Path
) -> None:
    first, second = copy.deepcopy(student), copy.deepcopy(student)
    options = {"batch_size": 4, "batch_norm_pairs": 4}
    expected = _mode(accumulation=2, **options).train(first, small, tmp_path / "one", copy.deepcopy(teacher))
    summary = _mode(processes=2, **options).train(second, small, tmp_path / "two", copy.deepcopy(teacher))
    assert summary.pop("teacher") == expected.pop("teacher")
    curve, expected_curve = summary.pop("curve"), expected.pop("curve")
    assert {name: pytest.approx(values, rel=1e-2) for name, values in expected_curve.items()} == curve
    assert summary == pytest.approx({**expected, "processes": 2}, rel=1e-4)
    for name, value in first.named_parameters():
        torch.testing.assert_close(second.get_parameter(name), value, rtol=1e-4, atol=1e-5)


def test_it_trains_in_bfloat16_on_the_paper_s_loss_with_the_record_s_perceptual_network(
    student: PFAFN, teacher: PFAFN, small: Small, tmp_path: Path
) -> None:
    mode = _mode(mixed_precision="bf16", samples=4, loss=PAPER, perceptual={"features": "shipped", "weights": None})
    summary = mode.train(student, small, tmp_path, teacher)
    assert summary["perceptual"]["network"] == "vtoncompress features"
    assert {f"loss_{name}" for name, weight in PAPER.items() if weight} < set(summary)


def test_a_teacher_may_be_given_by_its_folder(student: PFAFN, teacher: PFAFN, small: Small, tmp_path: Path) -> None:
    checkpoint.save(teacher, tmp_path / "network")
    summary = _mode(samples=2, teacher=str(tmp_path / "network")).train(student, small, tmp_path / "work")
    assert summary["teacher"]["network"] == "network"
    assert summary["teacher"]["weights"] == weights_hash(teacher)


def test_teachers_that_cannot_teach_are_refused(student: PFAFN, small: Small, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finetuning.teacher=dense, but without pruning there is no other network"):
        _mode().train(student, small.killed_at(0), tmp_path)
    with pytest.raises(ValueError, match=r"of size \[64, 96\] and its student a PFAFN of size \[64, 64\]: both"):
        _mode().train(student, small.killed_at(0), tmp_path, PFAFN(1 / 32, (64, 96)))
    with pytest.raises(ValueError, match="there is no checkpoint nowhere"):
        _mode(teacher="nowhere")
    with pytest.raises(ValueError, match="finetuning.teacher=null, but distillation learns from one"):
        _mode(teacher=None)


def test_mistaken_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="finetuning.distillation.colour is no term .*: there are flow, features, im"):
        _mode(distillation={"colour": 1.0})
    with pytest.raises(ValueError, match="finetuning.distillation: every weight is 0"):
        _mode(distillation={"flow": 0})
