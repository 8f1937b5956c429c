"""An objective that holds a student to the truth and to a teacher."""

from __future__ import annotations

from collections.abc import Mapping

from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.taught_objective import TaughtObjective
from vtoncompress.model.base import TryOnModel


class TruthAndTeacher(TaughtObjective):
    """The model's own loss, and the distance to a teacher.

    Args:
        loss: the model's own.
        weights: of the lessons.
        others: see :class:`vtoncompress.finetuning.taught_objective.TaughtObjective`.
    """

    def __init__(
        self, model: TryOnModel, loss: OwnLoss, teacher: TryOnModel, weights: Mapping[str, float], name: str
    ) -> None:
        super().__init__(model, teacher, name)
        self.perceptual = loss.distance()
        self.loss_weights, self.weights = loss.weights, dict(weights)
        if self.perceptual is not None:
            self.record["perceptual"] = self.perceptual.origin
        self.settings = {"loss": loss.weights, "distillation": self.weights, **self.record}
