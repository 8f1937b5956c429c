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
        velocity: whether the network predicts the velocity (Salimans and Ho 2022), not the noise.
    """

    clean: Tensor
    known: Tensor
    shown: Tensor
    without: Tensor
    noise: Tensor
    timesteps: Tensor
    kept: Tensor
    velocity: bool = False

    def moment(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Factors of picture and noise at ``timesteps`` (N,), each (N, 1, 1, 1); below 0 there is no noise."""
        kept = torch.where(timesteps < 0, 1.0, self.kept[timesteps.clamp(min=0)]).view(-1, 1, 1, 1)
        return kept.sqrt(), (1 - kept).sqrt()

    def noisy(self, noise: Tensor) -> Tensor:
        """(N, C, 2h, w): the clean latents with ``noise`` as of ``timesteps``."""
        signal, share = self.moment(self.timesteps)
        return signal * self.clean + share * noise

    def target(self, noise: Tensor) -> Tensor:
        """(N, C, 2h, w): what the network is to predict of the clean latents with ``noise`` as of ``timesteps``."""
        if not self.velocity:
            return noise
        signal, share = self.moment(self.timesteps)
        return signal * noise - share * self.clean

    def parts(self, noisy: Tensor, predicted: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """The clean latents and the noise in ``noisy`` by what was ``predicted`` at ``timesteps`` (N,)."""
        signal, share = self.moment(timesteps)
        if not self.velocity:
            return (noisy - share * predicted) / signal, predicted
        return signal * noisy - share * predicted, share * noisy + signal * predicted
