"""Multistep sampling of a consistency model (Song et al. 2023, algorithm 1; in latents Luo et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vtoncompress.sampling.base import Array, Predict, Sampling
from vtoncompress.sampling.log_snr import moments, refuse_eta
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.spacing import spaced


@dataclass(frozen=True, kw_only=True)
class Consistency(Sampling):
    """Each step leaps to a picture without noise and back to less noise, all of it drawn anew: 1 to 8 steps.

    For networks that were trained to leap (``finetuning=consistency``), with the guidance in their weights.

    Args:
        others: see :class:`vtoncompress.sampling.base.Sampling`; ``eta`` must be 0.

    Raises:
        ValueError: an option out of range.
    """

    leaps: ClassVar[bool] = True

    steps: int = 4
    guidance: float = 1.0
    spacing: str = "trailing"

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_eta("consistency sampling", self.eta)

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        return spaced(schedule, self.steps, self.spacing, to_zero=False)

    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        timesteps = self.timesteps(schedule)
        way = moments(schedule, timesteps)
        for step, timestep in enumerate(timesteps):
            clean, then = way[step].clean(latents, predict(latents, timestep)), way[step + 1]
            latents = then.signal * clean
            if then.noise:
                latents = latents + then.noise * noise.draw(latents.shape[1:])
            latents = latents.astype(np.float32, copy=False)
        return latents
