"""Stages 3 and 4: the student sees the teacher's picture, gives back the real one, and listens where that helps."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from tests.training_stage.conftest import NETWORK, StageOf, begin
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning.lessons import feature_lesson, flow_lesson
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.representation import represent
from vtoncompress.model.trace import Trace
from vtoncompress.pruning.one_shot import OneShot

LESSONS = {"teacher_flow", "teacher_features"}


@pytest.fixture
def student() -> PFAFN:
    torch.manual_seed(1)
    return begin(PFAFN(**NETWORK)).eval()


def _teacher_says(teacher: ParserBased, batch: dict[str, Tensor], prefix: str = "") -> Trace:
    representation = represent(batch["joints"], batch["parts"], batch["kept"])
    with torch.no_grad():
        return teacher.eval()(
            batch["person"], representation, batch[f"{prefix}garment"], batch[f"{prefix}garment_mask"]
        )


@pytest.mark.parametrize("name", ["parser_free_warp", "parser_free"])
def test_the_student_sees_the_teacher_s_picture_in_another_garment(
    stage_of: StageOf, student: PFAFN, teacher: ParserBased, stage_batch: dict[str, Tensor], name: str
) -> None:
    trace = stage_of(name).objective(student, teacher).call(stage_batch)
    fake = _teacher_says(teacher, stage_batch, "other_").image
    expected = student.trace(fake, stage_batch["garment"], stage_batch["garment_mask"])
    assert torch.equal(trace.flows[-1], expected.flows[-1])
    if name == "parser_free":
        assert torch.equal(trace.image, expected.image)


@pytest.mark.parametrize("name", ["parser_free_warp", "parser_free"])
def test_it_listens_to_what_the_teacher_does_better(
    stage_of: StageOf, student: PFAFN, teacher: ParserBased, stage_batch: dict[str, Tensor], name: str
) -> None:
    """Sample by sample, by the picture's error where the teacher draws, or by the warped garment's."""
    objective = stage_of(name).objective(student, teacher)
    losses, trace = objective(stage_batch), objective.call(stage_batch)
    lesson = _teacher_says(teacher, stage_batch)
    person, drawn = stage_batch["person"], 1 - stage_batch["kept"]
    better = []
    for sample in range(4):
        if name == "parser_free":
            errors = [((x.image - person) * drawn)[sample].abs().sum() for x in (trace, lesson)]
        else:
            goal = person * stage_batch["region"]
            errors = [(x.inner["warped"] - goal)[sample].abs().sum() for x in (trace, lesson)]
        better.append(float(errors[1] < errors[0]))
    listens = torch.tensor(better)
    assert float(losses["teacher_better"]) == listens.mean()
    flows = flow_lesson(trace.flows, lesson.flows)
    torch.testing.assert_close(losses["teacher_flow"], 0.05 * (listens * flows).mean())
    heard = listens.bool()
    features = feature_lesson([x[heard] for x in trace.features], [y[heard] for y in lesson.features])
    expected = features.sum() / 4 if heard.any() else torch.zeros(())
    torch.testing.assert_close(losses["teacher_features"], 0.1 * expected)


@pytest.mark.parametrize("name", ["parser_free_warp", "parser_free"])
def test_a_pruned_student_is_trained_further(
    stage_of: StageOf,
    student: PFAFN,
    teacher: ParserBased,
    stage_batch: dict[str, Tensor],
    tmp_path: Path,
    name: str,
) -> None:
    """It is opened with its own widths, and its features are compared with the teacher's through the best map."""
    OneShot(0.5).prune(student, ["warp", "generator"], MagnitudeL2())
    checkpoint.save(student, tmp_path / "pruned")
    stage = stage_of(name, f"stages.{name}.start={tmp_path / 'pruned'}")
    pruned = stage.begin(**NETWORK)
    assert sum(p.numel() for p in pruned.parameters()) == sum(p.numel() for p in student.parameters())
    objective = stage.objective(pruned, teacher)
    objective.call(stage_batch)
    stage_batch = {**stage_batch, "person": _teacher_says(teacher, stage_batch).image}  # so that the gate opens
    stage_batch["kept"] = torch.zeros_like(stage_batch["kept"])
    losses = objective(stage_batch)
    assert losses["teacher_better"] > 0
    assert losses["teacher_features"] > 0
    losses["teacher_features"].backward()
    assert pruned.warp.image_FPN.adaptive[0].weight.grad.abs().sum() > 0


def test_a_sample_that_the_student_does_better_teaches_nothing(
    stage_of: StageOf, student: PFAFN, teacher: ParserBased, stage_batch: dict[str, Tensor]
) -> None:
    """The truth of the first sample is what the teacher makes, that of the second what the student does."""
    batch = {name: value[:2].clone() for name, value in stage_batch.items()}
    batch["kept"].zero_()  # so that neither sees the person
    batch["region"].fill_(1)
    objective = stage_of("parser_free_warp").objective(student, teacher)
    trace, lesson = objective.call(batch), _teacher_says(teacher, batch)
    batch["person"] = torch.stack([lesson.inner["warped"][0], trace.inner["warped"][1]]).detach()
    losses = objective(batch)
    assert float(losses["teacher_better"]) == 0.5
    expected = 0.05 * flow_lesson(trace.flows, lesson.flows)[0] / 2
    torch.testing.assert_close(losses["teacher_flow"], expected)


def test_weight_0_is_the_same_student_without_lessons(
    stage_of: StageOf, student: PFAFN, teacher: ParserBased, stage_batch: dict[str, Tensor]
) -> None:
    with_lessons = stage_of("parser_free").objective(student, teacher)(stage_batch)
    alone = stage_of("parser_free", "distillation.weight=0").objective(student, teacher)(stage_batch)
    assert with_lessons.keys() - alone.keys() == {*LESSONS, "teacher_better"}
    assert all(torch.equal(value, with_lessons[name]) for name, value in alone.items())


def test_the_teacher_stays_as_it_is(
    stage_of: StageOf, student: PFAFN, teacher: ParserBased, stage_batch: dict[str, Tensor], examples: object
) -> None:
    before = copy.deepcopy(teacher.state_dict())
    objective = stage_of("parser_free").objective(student, teacher).train()
    assert not any(layer.training for layer in teacher.modules())
    assert all(layer.training for layer in student.modules())
    losses = objective(stage_batch)
    torch.stack([losses[name] for name in losses if name not in objective.told]).sum().backward()
    objective.reestimate(examples, 2)
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


@pytest.mark.parametrize("wrong", ["flow=-1", "features=many", "weight=.inf"])
def test_weights_that_are_none_are_refused(stage_of: StageOf, wrong: str) -> None:
    name = wrong.split("=")[0]
    with pytest.raises(Exception, match=rf"distillation\.{name}=.*: give a number of 0"):
        stage_of("parser_free", f"stages.parser_free.distillation.{wrong}")


def test_two_processes_end_with_the_parameters_of_one_that_accumulates(
    stage_of: StageOf,
    student: PFAFN,
    teacher: ParserBased,
    examples: VitonTraining,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # or two processes would share what one has
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    options = ("batch_size=4", "stages.parser_free.samples=8")
    one, two = copy.deepcopy(student), copy.deepcopy(student)
    stage_of("parser_free", *options, "accumulation=2").train(one, examples, tmp_path / "one", teacher)
    AcceleratorState._reset_state(reset_partial_state=True)
    stage_of("parser_free", *options, "processes=2").train(two, examples, tmp_path / "two", teacher)
    torch.set_num_threads(threads)
    assert any(not torch.equal(value, student.get_parameter(name)) for name, value in one.named_parameters())
    for name, value in two.named_parameters():
        torch.testing.assert_close(value, one.get_parameter(name), rtol=1e-4, atol=1e-5)
