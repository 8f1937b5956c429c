"""What a pruned denoising network learns from the dense one: its noise, and the features on the way to it.

After Kim et al., "BK-SDM: A Lightweight, Fast, and Cheap Version of Stable Diffusion", ECCV 2024, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.finetuning.adaptation import adapted_lesson
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.base import StepwiseModel

NOISE, FEATURES = "noise", "features"
LESSONS = (FEATURES, NOISE)


class DenoisingLessons(Objective):
    """The model's own loss, and the distance to a teacher that sees the same noisy latents at the same timesteps.

    ``teacher_noise`` is the mean squared difference of the predicted noise; ``teacher_features`` that of the features
    of :meth:`vtoncompress.model.base.StepwiseModel.feature_modules`, as shares of what the teacher's vary by, through
    the best linear map where widths differ. The teacher stays as it is.

    Args:
        model: the student.
        loss: the model's own. Its term ``noise`` costs no call of its own.
        teacher: of the same class and size, any widths.
        weights: of the lessons.
        name: of the teacher, for the record.
    """

    model: StepwiseModel

    def __init__(
        self, model: StepwiseModel, loss: OwnLoss, teacher: StepwiseModel, weights: Mapping[str, float], name: str
    ) -> None:
        super().__init__()
        self.model, self.teacher = model, teacher.requires_grad_(False)
        self.perceptual = loss.distance()
        self.noise_weight = loss.weights.get(NOISE, 0.0)
        self.others = {term: weight for term, weight in loss.weights.items() if weight and term != NOISE}
        self.weights = {lesson: weights.get(lesson, 0.0) for lesson in LESSONS}
        parameters = sum(parameter.numel() for parameter in teacher.parameters())
        self.record = {"teacher": {"network": name, "weights": weights_hash(teacher), "parameters": parameters}}
        if self.perceptual is not None:
            self.record["perceptual"] = self.perceptual.origin
        self.settings = {"loss": loss.weights, "distillation": self.weights, **self.record}

    def train(self, mode: bool = True) -> DenoisingLessons:
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

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        of = self.model.training_latents(batch)
        shown = torch.cat([of.noisy(of.noise), of.known], 1)
        with features(self.model) as learned:
            found = self.model.denoise(shown, of.timesteps).float()
        with torch.no_grad(), features(self.teacher) as taught:
            expected = self.teacher.denoise(shown, of.timesteps).float()
        terms = {NOISE: self.noise_weight * F.mse_loss(found, of.noise)} if self.noise_weight else {}
        if self.others:
            terms |= self.model.losses(batch, self.others, self.perceptual)
        if weight := self.weights[NOISE]:
            terms["teacher_noise"] = weight * F.mse_loss(found, expected)
        if weight := self.weights[FEATURES]:
            terms["teacher_features"] = weight * adapted_lesson(learned, taught).mean()
        return terms


@contextmanager
def features(model: StepwiseModel) -> Iterator[list[Tensor]]:
    """A list that is filled, while the denoising network runs once, with what its feature modules give."""
    seen: list[Tensor] = []

    def keep(_: nn.Module, __: Any, result: Any) -> None:
        seen.append(result[0] if isinstance(result, tuple) else result)

    handles = [module.register_forward_hook(keep) for module in model.feature_modules()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
