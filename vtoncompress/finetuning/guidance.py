"""Guidance distilled away: one call with the garment learns what guidance's two give (Meng et al. 2023, 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.finetuning.taught_denoiser import GuidedLesson, TaughtDenoiser
from vtoncompress.finetuning.teacher_choice import DENSE, check_teacher
from vtoncompress.model.base import StepwiseModel
from vtoncompress.model.training_latents import TrainingLatents

if TYPE_CHECKING:
    from vtoncompress.sampling.base import Sampling


class GuidanceDistillation(TaughtDenoiser):
    """A student that predicts what its teacher does with guidance; its pictures are made with ``sampling.guidance=1``.

    Args:
        lesson: ``guidance``, of the teacher's predictions, which is then in the student's weights.
        teacher: ``dense``, a checkpoint's folder or the name of shipped weights; the student begins as what pruning
            left of the dense network, or with the same weights where nothing was pruned.
        others: see :class:`vtoncompress.finetuning.supervised.Supervised`.

    Raises:
        ValueError: an option out of range, or no such teacher.
    """

    choice = "guidance"

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
        lesson: Mapping[str, Any],
        teacher: str | None = DENSE,
        accumulation: int = 1,
        processes: int = 1,
        tracker: str | None = None,
        schedule: str = "cosine",
        decay: float = 0.5,
        first_phase: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        check_teacher(teacher)
        self.teacher, self.guidance = str(teacher), float(lesson["guidance"])
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

    def check_sampling(self, sampling: Sampling) -> None:
        """See :meth:`vtoncompress.finetuning.base.Finetuning.check_sampling`."""
        if sampling.guidance != 1:
            raise ValueError(
                f"finetuning=guidance puts guidance into the weights, and sampling.guidance={sampling.guidance} would "
                "guide once more: set model.sampling.guidance=1"
            )

    def objective(self, student: StepwiseModel, teacher: StepwiseModel) -> GuidedLesson:
        return _Guided(student, teacher, self.guidance, Path(self.teacher).name)


class _Guided(GuidedLesson):
    """The mean squared error towards the guided prediction."""

    def lesson(self, of: TrainingLatents) -> dict[str, Tensor]:
        noisy = of.noisy(of.noise)
        return {"guided": F.mse_loss(self.learned(of, noisy, of.timesteps), self.taught(of, noisy))}
