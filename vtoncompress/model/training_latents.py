"""What a diffusion network is trained on: a batch in latents, with the noise and timesteps that it drew."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainingLatents:
    """Of N samples; C channels and h x w places of latents.

    Attributes:
        clean: (N, C, 2h, w), the picture to be painted, and beside it what it is painted from.
        known: (N, 1 + C, 2h, w), mask and what is known, of some samples without their garment.
        shown, without: the same of all samples with their garment, and without.
        noise: (N, C, 2h, w), normal.
        timesteps: (N,), whole numbers.
        kept: (T,), the share of the picture in the variance at each timestep.
    """

    clean: Tensor
    known: Tensor
    shown: Tensor
    without: Tensor
    noise: Tensor
    timesteps: Tensor
    kept: Tensor

    def moment(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Factors of picture and noise at ``timesteps`` (N,), each (N, 1, 1, 1); below 0 there is no noise."""
        kept = torch.where(timesteps < 0, 1.0, self.kept[timesteps.clamp(min=0)]).view(-1, 1, 1, 1)
        return kept.sqrt(), (1 - kept).sqrt()

    def noisy(self, noise: Tensor) -> Tensor:
        """(N, C, 2h, w): the clean latents with ``noise`` as of ``timesteps``."""
        signal, share = self.moment(self.timesteps)
        return signal * self.clean + share * noise
