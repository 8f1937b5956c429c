"""What every objective with a teacher has in common."""

from __future__ import annotations

from typing import Any, Self

from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.base import TryOnModel


class TaughtObjective(Objective):
    """How far a model is from its teacher, which stays as it is, batch norms too.

    Args:
        model: the student.
        teacher: of the same class and size, any widths.
        name: of the teacher, for the record.
    """

    model: TryOnModel

    def __init__(self, model: TryOnModel, teacher: TryOnModel, name: str) -> None:
        super().__init__()
        self.model, self.teacher = model, teacher.requires_grad_(False)
        parameters = sum(parameter.numel() for parameter in teacher.parameters())
        self.record = {"teacher": {"network": name, "weights": weights_hash(teacher), "parameters": parameters}}

    def train(self, mode: bool = True) -> Self:
        """The student alone changes mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def samples(self, data: Any, start: int, stop: int) -> TrainingPairs:
        """Pairs, every other one mirrored."""
        return TrainingPairs(data, start, stop)

    def reestimate(self, data: Any, count: int) -> None:
        """See :func:`vtoncompress.finetuning.batch_norm.reestimate`."""
        reestimate(self.model, data, count)
