"""Supervised training on generated pairs: from scratch, or to bring back what compression took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.finetuning.processes import train_in_processes
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.model.base import TryOnModel


class Supervised(Finetuning):
    """Minimises the model's own loss on pairs with a known truth.

    Args:
        loss, perceptual: see :class:`vtoncompress.finetuning.own_loss.OwnLoss`.
        first_phase: see :class:`vtoncompress.finetuning.first_phase.FirstPhase`.
        schedule, warmup, decay: see :class:`vtoncompress.finetuning.schedule.Schedule`.
        others: see :class:`vtoncompress.finetuning.loop.TrainingLoop`. Those of the other modes are taken and ignored,
            so that a sweep over ``finetuning`` composes.

    Raises:
        ValueError: an option out of range.
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
        accumulation: int = 1,
        processes: int = 1,
        tracker: str | None = None,
        schedule: str = "cosine",
        decay: float = 0.5,
        first_phase: Mapping[str, Any] | None = None,
        perceptual: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        self.loss = OwnLoss(loss, perceptual)
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
        self.loss.check(model)
        self.loop.check(model)

    def train(
        self, model: TryOnModel, data: TryOnData, folder: Path, teacher: TryOnModel | None = None
    ) -> dict[str, Any]:
        """See :meth:`vtoncompress.finetuning.loop.TrainingLoop.run`; needs no teacher."""
        self.check(model)
        if self.loop.starts_processes():
            return train_in_processes(self, self.loop.processes, model, data, folder)
        return self.loop.run(_Supervision(model, self.loss), data, folder)


class _Supervision(Objective):
    """The model's own loss and nothing else."""

    model: TryOnModel

    def __init__(self, model: TryOnModel, loss: OwnLoss) -> None:
        super().__init__()
        self.model, self.perceptual = model, loss.distance()
        self.weights = loss.weights
        self.record = {} if self.perceptual is None else {"perceptual": self.perceptual.origin}
        self.settings = {"loss": self.weights, **self.record}

    def samples(self, data: Any, start: int, stop: int) -> TrainingPairs:
        """Pairs, every other one mirrored."""
        return TrainingPairs(data, start, stop)

    def reestimate(self, data: Any, count: int) -> None:
        """See :func:`vtoncompress.finetuning.batch_norm.reestimate`."""
        reestimate(self.model, data, count)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.model.losses(batch, self.weights, self.perceptual)
