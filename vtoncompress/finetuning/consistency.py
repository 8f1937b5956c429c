"""Consistency distillation in latents (Luo et al. 2023): from anywhere on the way to a picture, leap to its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.finetuning.taught_denoiser import GuidedLesson, TaughtDenoiser
from vtoncompress.finetuning.teacher_choice import DENSE, check_teacher
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.model.training_latents import TrainingLatents

TRANSITION = 1e-3
"""Where the pseudo-Huber loss goes from square to absolute, as in the paper's published training."""

if TYPE_CHECKING:
    from vtoncompress.sampling.base import Sampling


class ConsistencyDistillation(TaughtDenoiser):
    """A student that finds the same picture from both ends of a teacher's step, so that few steps are enough.

    Its pictures are made with ``sampling=consistency``: the teacher's guidance is in its weights. The target is the
    student's own leap from the end of the step, without a moving average of weights (Song and Dhariwal 2024).

    Args:
        lesson: ``guidance``, of the teacher's predictions; ``steps``, of its whole way, of which the student learns one
            each time.
        teacher: ``dense``, a checkpoint's folder or the name of shipped weights; the student begins as what pruning
            left of the dense network, or with the same weights where nothing was pruned.
        others: see :class:`vtoncompress.finetuning.supervised.Supervised`.

    Raises:
        ValueError: an option out of range, or no such teacher.
    """

    choice = "consistency"

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
        self.teacher, self.guidance, self.steps = str(teacher), float(lesson["guidance"]), int(lesson["steps"])
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
        super().check(model)
        assert isinstance(model, StepwiseModel), "checked"
        last = model.schedule.num_train_timesteps
        if not 2 <= self.steps <= last:
            raise ValueError(f"finetuning.lesson.steps={self.steps}: use 2 to {last}")

    def check_sampling(self, sampling: Sampling) -> None:
        """See :meth:`vtoncompress.finetuning.base.Finetuning.check_sampling`."""
        if not sampling.leaps:
            raise ValueError(
                "finetuning=consistency teaches leaps to the end, and one sampler makes them: set sampling=consistency"
            )

    def objective(self, student: StepwiseModel, teacher: StepwiseModel) -> GuidedLesson:
        return _Consistent(student, teacher, self.guidance, Path(self.teacher).name, self.steps)


class _Consistent(GuidedLesson):
    """The distance of two leaps, from the beginning and the end of a teacher's step.

    Args:
        steps: of the teacher's way.
        others: see :class:`vtoncompress.finetuning.taught_denoiser.GuidedLesson`.
    """

    def __init__(self, student: StepwiseModel, teacher: StepwiseModel, guidance: float, name: str, steps: int) -> None:
        super().__init__(student, teacher, guidance, name)
        self.distance = student.schedule.num_train_timesteps // steps
        self.settings |= {"steps": steps}

    def lesson(self, of: TrainingLatents) -> dict[str, Tensor]:
        noisy, then = of.noisy(of.noise), of.timesteps - self.distance
        found, _ = of.parts(noisy, self.learned(of, noisy, of.timesteps), of.timesteps)
        with torch.no_grad():
            target = self._target(of, noisy, then)
        return {"consistency": (((found - target).square() + TRANSITION**2).sqrt() - TRANSITION).mean()}

    def _target(self, of: TrainingLatents, noisy: Tensor, then: Tensor) -> Tensor:
        """The leap from where the teacher's step by DDIM ends; where it ends the way, it is the picture."""
        clean, noise = of.parts(noisy, self.taught(of, noisy), of.timesteps)
        signal, share = of.moment(then)
        later = signal * clean + share * noise
        leap, _ = of.parts(later, self.learned(of, later, then.clamp(min=0)), then)
        return torch.where((then < 0).view(-1, 1, 1, 1), clean, leap)
