"""Denoising diffusion implicit models (Song et al. 2021), evenly spaced steps with as much new noise as asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vtoncompress.sampling.base import Array, Predict, Sampling
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.spacing import spaced


@dataclass(frozen=True, kw_only=True)
class DDIM(Sampling):
    """CatVTON's own sampler, which draws all of each step's variance anew.

    Args:
        others: see :class:`vtoncompress.sampling.base.Sampling`.

    Raises:
        ValueError: an option out of range.
    """

    eta: float = 1.0

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        return spaced(schedule, self.steps, self.spacing, to_zero=False)

    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        kept, distance = schedule.kept(), schedule.num_train_timesteps // self.steps
        last = 1.0 if schedule.set_alpha_to_one else float(kept[0])
        for timestep in self.timesteps(schedule):
            now, then = float(kept[timestep]), float(kept[timestep - distance]) if timestep >= distance else last
            predicted = predict(latents, timestep)
            clean = (latents - (1 - now) ** 0.5 * predicted) / now**0.5
            # Equation 16: the standard deviation of what is drawn anew.
            drawn = self.eta * max(0.0, (1 - then) / (1 - now) * (1 - now / then)) ** 0.5
            latents = then**0.5 * clean + max(0.0, 1 - then - drawn**2) ** 0.5 * predicted
            if drawn > 0:
                latents = latents + drawn * noise.draw(latents.shape[1:])
            latents = latents.astype(np.float32, copy=False)
        return latents
