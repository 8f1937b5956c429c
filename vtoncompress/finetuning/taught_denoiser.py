"""Training of a denoising network by another one's guided predictions, whatever is made of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.processes import train_in_processes
from vtoncompress.finetuning.taught_objective import TaughtObjective
from vtoncompress.finetuning.teacher import open_teacher
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.model.training_latents import TrainingLatents


class TaughtDenoiser(Finetuning):
    """A mode whose student needs one call of its network where its teacher takes two.

    Attributes:
        choice: its name as a config's choice.
        loop: how it trains.
        teacher: ``dense``, a checkpoint's folder or the name of shipped weights.
        guidance: the teacher's.
    """

    learns_from_equals = True
    choice: str
    loop: TrainingLoop
    teacher: str
    guidance: float

    @abstractmethod
    def objective(self, student: StepwiseModel, teacher: StepwiseModel) -> GuidedLesson:
        """What is minimised."""

    def check(self, model: TryOnModel) -> None:
        """See :meth:`vtoncompress.finetuning.base.Finetuning.check`."""
        if not isinstance(model, StepwiseModel):
            raise ValueError(
                f"finetuning={self.choice} is for models that work in steps, which {type(model).__name__} does not: "
                "use supervised or distillation"
            )
        if self.guidance < 0:
            raise ValueError(f"finetuning.lesson.guidance={self.guidance}: use 0 or more")
        self.loop.check(model)

    def train(
        self, model: TryOnModel, data: TryOnData, folder: Path, teacher: TryOnModel | None = None
    ) -> dict[str, Any]:
        """See :meth:`vtoncompress.finetuning.loop.TrainingLoop.run`. ValueError without a teacher of the same kind."""
        self.check(model)
        opened = open_teacher(self.teacher, model, teacher)
        if self.loop.starts_processes():
            return train_in_processes(self, self.loop.processes, model, data, folder, opened)
        assert isinstance(model, StepwiseModel), "checked"
        assert isinstance(opened, StepwiseModel), "of the student's kind"
        return self.loop.run(self.objective(model, opened), data, folder)


class GuidedLesson(TaughtObjective):
    """How far a student is from what its teacher predicts with guidance.

    Args:
        guidance: the teacher's; 1 is none, and one call.
        others: see :class:`vtoncompress.finetuning.taught_objective.TaughtObjective`.
    """

    model: StepwiseModel
    teacher: StepwiseModel

    def __init__(self, model: StepwiseModel, teacher: StepwiseModel, guidance: float, name: str) -> None:
        super().__init__(model, teacher, name)
        self.guidance = guidance
        self.settings = {"guidance": guidance, **self.record}

    @abstractmethod
    def lesson(self, of: TrainingLatents) -> dict[str, Tensor]:
        """Scalars by name, whose sum is minimised."""

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.lesson(self.model.training_latents(batch))

    def taught(self, of: TrainingLatents, noisy: Tensor) -> Tensor:
        """The teacher's guided prediction of ``noisy`` (N, C, 2h, w), without gradients."""
        with torch.no_grad():
            shown = self.teacher.denoise(torch.cat([noisy, of.shown], 1), of.timesteps).float()
            if self.guidance == 1:
                return shown
            without = self.teacher.denoise(torch.cat([noisy, of.without], 1), of.timesteps).float()
        return without + self.guidance * (shown - without)

    def learned(self, of: TrainingLatents, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """The student's prediction, of one call with the garment."""
        return self.model.denoise(torch.cat([noisy, of.shown], 1), timesteps).float()
