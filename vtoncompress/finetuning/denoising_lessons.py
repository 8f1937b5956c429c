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
from vtoncompress.finetuning.truth_and_teacher import TruthAndTeacher
from vtoncompress.model.base import StepwiseModel

NOISE, FEATURES = "noise", "features"
LESSONS = (FEATURES, NOISE)


class DenoisingLessons(TruthAndTeacher):
    """The model's own loss, and the distance to a teacher that sees the same noisy latents at the same timesteps.

    ``teacher_noise`` is the mean squared difference of what they predict; ``teacher_features`` that of the features
    of :meth:`vtoncompress.model.base.StepwiseModel.feature_modules`, as shares of what the teacher's vary by, through
    the best linear map where widths differ. The loss's own term ``noise`` costs no call of its own.
    """

    model: StepwiseModel
    teacher: StepwiseModel

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        of = self.model.training_latents(batch)
        shown = torch.cat([of.noisy(of.noise), of.known], 1)
        with features(self.model) as learned:
            found = self.model.denoise(shown, of.timesteps).float()
        with torch.no_grad(), features(self.teacher) as taught:
            expected = self.teacher.denoise(shown, of.timesteps).float()
        terms = {}
        if weight := self.loss_weights.get(NOISE):
            terms[NOISE] = weight * F.mse_loss(found, of.target(of.noise))
        if others := {term: weight for term, weight in self.loss_weights.items() if weight and term != NOISE}:
            terms |= self.model.losses(batch, others, self.perceptual)
        if weight := self.weights.get(NOISE):
            terms["teacher_noise"] = weight * F.mse_loss(found, expected)
        if weight := self.weights.get(FEATURES):
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
