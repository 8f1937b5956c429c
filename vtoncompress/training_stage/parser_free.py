"""Stages 3 and 4: the student sees a picture that the teacher made, and gives back the person as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from vtoncompress.finetuning.lessons import feature_lesson, flow_lesson, gate
from vtoncompress.finetuning.objective import Terms
from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.pf_afn import PFAFN
from vtoncompress.model.pf_afn.warped import trace_warp
from vtoncompress.model.trace import Trace
from vtoncompress.training_stage.base import StageObjective, TrainingStage
from vtoncompress.training_stage.tutor import Tutor


class ParserFreeStage(TrainingStage):
    """Its options are those of :class:`TrainingStage`."""

    def network(self, width: float, size: Sequence[int], convention: str) -> PFAFN:
        return PFAFN(width, size, convention)

    def objective(self, model: Network, teacher: ParserBased | None) -> StageObjective:
        assert teacher is not None, "a student has a teacher"
        return _Student(model, self, Tutor(teacher))


class _Student(StageObjective):
    """The person's picture from the teacher's picture of it in another garment, and from the in-shop garment."""

    def __init__(self, model: Network, stage: TrainingStage, tutor: Tutor) -> None:
        super().__init__(model, stage, tutor)
        self.distillation = stage.distillation
        self.settings["distillation"] = self.distillation

    def call(self, batch: Mapping[str, Tensor]) -> Trace:
        model, tutor = self.model, self.tutor
        assert isinstance(model, PFAFN) and tutor is not None
        call = (tutor.picture(batch), batch["garment"], batch["garment_mask"])
        return model.trace(*call) if self.end_to_end else trace_warp(model, *call)

    def forward(self, batch: Mapping[str, Tensor]) -> Terms:
        trace = self.call(batch)
        terms = self.own_terms(trace, batch)
        if not self.distillation["weight"]:
            return Terms(terms, {})
        assert self.tutor is not None
        lesson = self.tutor.lesson(batch)
        listens = gate(*self._results(trace, lesson, batch))
        for name, values in (
            ("flow", flow_lesson(trace.flows, lesson.flows)),
            ("features", feature_lesson(trace.features, lesson.features)),
        ):
            factor = self.distillation["weight"] * self.distillation[name]
            terms[f"distilled_{name}"] = factor * (listens * values).mean()
        return Terms(terms, {"teacher_share": listens.mean()})

    def _results(self, student: Trace, teacher: Trace, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Two results and what they should be, for the gate: without what the teacher copies, or of the garment."""
        if self.end_to_end:
            drawn = 1 - batch["kept"]
            return student.image * drawn, teacher.image * drawn, batch["person"] * drawn
        return student.inner["warped"], teacher.inner["warped"], batch["person"] * batch["region"]
