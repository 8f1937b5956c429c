"""Stages 3 and 4: the student sees a picture that the teacher made, and gives back the person as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from vtoncompress.finetuning.adaptation import adapted_lesson
from vtoncompress.finetuning.lessons import flow_lesson, gate, taught
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.pf_afn import PFAFN
from vtoncompress.model.pf_afn.warped import trace_warp
from vtoncompress.model.trace import Trace
from vtoncompress.training_stage.base import StageObjective, TrainingStage
from vtoncompress.training_stage.tutor import Tutor


class ParserFreeStage(TrainingStage):
    """Its options are those of :class:`TrainingStage`."""

    def network(self, width: float, size: Sequence[int], convention: str, correlation: str) -> PFAFN:
        return PFAFN(width, size, convention, correlation)

    def objective(self, model: Network, teacher: ParserBased | None) -> StageObjective:
        assert teacher is not None, "a student has a teacher"
        return _Student(model, self, teacher)


class _Student(StageObjective):
    """The person's picture from the teacher's picture of it in another garment, and from the in-shop garment."""

    model: PFAFN
    told = ("teacher_better",)

    def __init__(self, model: Network, stage: TrainingStage, teacher: ParserBased) -> None:
        super().__init__(model, stage)
        self.tutor, self.distillation = Tutor(teacher), stage.distillation
        self.settings |= {"distillation": self.distillation, "teacher": weights_hash(teacher)}

    def call(self, batch: Mapping[str, Tensor]) -> Trace:
        call = (self.tutor.picture(batch), batch["garment"], batch["garment_mask"])
        return self.model.trace(*call) if self.end_to_end else trace_warp(self.model, *call)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        trace = self.call(batch)
        terms = self.own_terms(trace, batch)
        if not self.distillation["weight"]:
            return terms
        lesson = self.tutor.lesson(batch)
        better = gate(*self._results(trace, lesson, batch))
        lessons = {
            "flow": taught(flow_lesson, trace.flows, lesson.flows, better),
            "features": taught(adapted_lesson, trace.features, lesson.features, better),
        }
        for name, distance in lessons.items():
            terms[f"teacher_{name}"] = self.distillation["weight"] * self.distillation[name] * distance
        return {**terms, "teacher_better": better.mean()}

    def _results(self, student: Trace, teacher: Trace, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Both results and what they should be: the picture without what the teacher copies, or the garment alone."""
        if not self.end_to_end:
            return student.inner["warped"], teacher.inner["warped"], batch["person"] * batch["region"]
        drawn = 1 - batch["kept"]
        return student.image * drawn, teacher.image * drawn, batch["person"] * drawn
