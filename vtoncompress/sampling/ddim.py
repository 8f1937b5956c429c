"""Denoising diffusion implicit models (Song et al. 2021), evenly spaced steps with as much new noise as asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from vtoncompress.sampling.base import Array, Predict, Sampling
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule


class DDIM(Sampling):
    """CatVTON's own sampler.

    Args:
        eta: share of the variance that is drawn anew in each step, 0..1; 0 is deterministic, 1 is CatVTON's.
        steps, guidance, seed, repaint: see :class:`vtoncompress.sampling.base.Sampling`.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self, steps: int = 50, guidance: float = 2.5, eta: float = 1.0, seed: int = 0, repaint: bool = False
    ) -> None:
        super().__init__(steps, guidance, seed, repaint)
        if not 0 <= eta <= 1:
            raise ValueError(f"sampling.eta={eta}: use 0 (deterministic) to 1")
        self.eta = eta

    def arguments(self) -> dict[str, Any]:
        return {
            "steps": self.steps, "guidance": self.guidance, "eta": self.eta, "seed": self.seed, "repaint": self.repaint
        }  # fmt: skip

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        spacing = schedule.num_train_timesteps // self.steps
        if spacing < 1:
            raise ValueError(f"sampling.steps={self.steps}: use {schedule.num_train_timesteps} or fewer")
        return [index * spacing + schedule.steps_offset for index in range(self.steps)][::-1]

    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        kept, spacing = schedule.kept(), schedule.num_train_timesteps // self.steps
        last = 1.0 if schedule.set_alpha_to_one else float(kept[0])
        for timestep in self.timesteps(schedule):
            now, then = float(kept[timestep]), float(kept[timestep - spacing]) if timestep >= spacing else last
            predicted = predict(latents, timestep)
            clean = (latents - (1 - now) ** 0.5 * predicted) / now**0.5
            # Equation 16: the standard deviation of what is drawn anew.
            drawn = self.eta * max(0.0, (1 - then) / (1 - now) * (1 - now / then)) ** 0.5
            latents = then**0.5 * clean + max(0.0, 1 - then - drawn**2) ** 0.5 * predicted
            if drawn > 0:
                latents = latents + drawn * noise.draw(latents.shape[1:])
            latents = latents.astype(np.float32, copy=False)
        return latents
