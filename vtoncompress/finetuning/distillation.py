"""Knowledge distillation: a pruned network learns from the dense one as well as from the truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning import lessons
from vtoncompress.finetuning.adaptation import adapted_lesson
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.denoising_lessons import LESSONS as STEP_LESSONS
from vtoncompress.finetuning.denoising_lessons import DenoisingLessons
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.processes import train_in_processes
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.finetuning.teacher import open_teacher
from vtoncompress.finetuning.teacher_choice import DENSE, check_teacher
from vtoncompress.finetuning.truth_and_teacher import TruthAndTeacher
from vtoncompress.finetuning.weights import check_names, term_weights
from vtoncompress.model.base import StepwiseModel, TracedModel, TryOnModel
from vtoncompress.model.trace import Trace

LESSONS = ("flow", "features", "image")


class Distillation(Finetuning):
    """Minimises the model's own loss, and beside it how far the model is from its teacher.

    On the flows of every level, on pyramid features and, if wanted, on the picture; for each sample only where the
    teacher's picture is nearer to the truth than the student's (:func:`vtoncompress.finetuning.lessons.gate`). A model
    that works in steps learns the teacher's noise and features instead
    (:class:`vtoncompress.finetuning.denoising_lessons.DenoisingLessons`).

    Args:
        teacher: ``dense``, a checkpoint's folder or the name of shipped weights.
        distillation: weights of the lessons ``flow``, ``features`` and ``image``, or ``features`` and ``noise``: of
            those that the model has.
        others: see :class:`vtoncompress.finetuning.supervised.Supervised`.

    Raises:
        ValueError: an option out of range, or no such teacher.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        learning_rate: float,
        warmup: int,
        clip: float,
        mixed_precision: str,
        workers: int,
        checkpoint_every: int,
        batch_norm_pairs: int,
        loss: Mapping[str, Any],
        distillation: Mapping[str, Any],
        teacher: str | None = DENSE,
        accumulation: int = 1,
        processes: int = 1,
        tracker: str | None = None,
        schedule: str = "cosine",
        decay: float = 0.5,
        first_phase: Mapping[str, Any] | None = None,
        perceptual: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        check_teacher(teacher)
        self.teacher = str(teacher)
        self.loss = OwnLoss(loss, perceptual)
        self.weights = term_weights("finetuning.distillation", distillation)
        check_names("finetuning.distillation", self.weights, tuple(dict.fromkeys((*LESSONS, *STEP_LESSONS))))
        self.loop = TrainingLoop(
            samples=samples,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=Schedule(schedule, warmup, decay),
            first_phase=FirstPhase.of(first_phase),
            clip=clip,
            mixed_precision=mixed_precision,
            workers=workers,
            checkpoint_every=checkpoint_every,
            batch_norm_pairs=batch_norm_pairs,
            accumulation=accumulation,
            processes=processes,
            tracker=tracker,
        )

    def check(self, model: TryOnModel) -> None:
        """See :meth:`vtoncompress.finetuning.base.Finetuning.check`."""
        if not isinstance(model, TracedModel | StepwiseModel):
            raise ValueError(
                "finetuning=distillation compares what networks do on the way to a picture, which "
                f"{type(model).__name__} does not show: use finetuning=supervised"
            )
        lessons = STEP_LESSONS if isinstance(model, StepwiseModel) else LESSONS
        if not any(self.weights.get(lesson) for lesson in lessons):
            raise ValueError(
                f"finetuning.distillation: {type(model).__name__} learns from {', '.join(lessons)}, all of which are "
                "0: give one more than 0"
            )
        self.loss.check(model)
        self.loop.check(model)

    def train(
        self, model: TryOnModel, data: TryOnData, folder: Path, teacher: TryOnModel | None = None
    ) -> dict[str, Any]:
        """See :meth:`vtoncompress.finetuning.loop.TrainingLoop.run`.

        Raises:
            ValueError: there is no teacher, or it is another kind of network than the student.
        """
        self.check(model)
        teacher = open_teacher(self.teacher, model, teacher)
        if self.loop.starts_processes():
            return train_in_processes(self, self.loop.processes, model, data, folder, teacher)
        return self.loop.run(self._objective(model, teacher), data, folder)

    def _objective(self, model: TryOnModel, teacher: TryOnModel) -> Objective:
        name = Path(self.teacher).name
        if isinstance(model, StepwiseModel):
            assert isinstance(teacher, StepwiseModel), "of the student's kind"
            return DenoisingLessons(model, self.loss, teacher, self.weights, name)
        return Lessons(model, self.loss, teacher, self.weights, name)


class Lessons(TruthAndTeacher):
    """The model's own loss, and the distance to a teacher where that does better."""

    told = ("teacher_better",)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        student, teacher = self._trace(self.model, batch), self._trace(self.teacher, batch)
        gate = lessons.gate(student.image, teacher.image, batch["truth"])
        assert isinstance(self.model, TracedModel)
        own = self.model.loss(student, batch, self.loss_weights, self.perceptual)
        return {**own, **self._lessons(student, teacher, gate), "teacher_better": gate.mean()}

    def _lessons(self, student: Trace, teacher: Trace, gate: Tensor) -> dict[str, Tensor]:
        found = {}
        if weight := self.weights.get("flow"):
            found["flow"] = weight * lessons.taught(lessons.flow_lesson, student.flows, teacher.flows, gate)
        if weight := self.weights.get("features"):
            found["features"] = weight * lessons.taught(adapted_lesson, student.features, teacher.features, gate)
        if weight := self.weights.get("image"):
            found["image"] = weight * lessons.taught(lessons.picture_lesson, [student.image], [teacher.image], gate)
        return {f"teacher_{name}": lesson for name, lesson in found.items()}

    @staticmethod
    def _trace(model: TryOnModel, batch: Mapping[str, Tensor]) -> Trace:
        assert isinstance(model, TracedModel), "checked before"
        return model.trace(batch["person"], batch["garment"], batch["garment_mask"])
