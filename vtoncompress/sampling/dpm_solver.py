"""DPM-Solver++ of second order, multistep (Lu et al. 2022, algorithm 2, "2M"): one call of the network a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vtoncompress.sampling.base import Array, Predict, Sampling
from vtoncompress.sampling.log_snr import Moment, moments, refuse_eta
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.spacing import spaced


@dataclass(frozen=True, kw_only=True)
class DPMSolver(Sampling):
    """Good pictures in 8 to 20 steps, deterministic. The first step and the last are of first order.

    Args:
        others: see :class:`vtoncompress.sampling.base.Sampling`; ``eta`` must be 0.

    Raises:
        ValueError: an option out of range.
    """

    steps: int = 20
    spacing: str = "linspace"

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_eta("DPM-Solver++", self.eta)

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        return spaced(schedule, self.steps, self.spacing, to_zero=True)

    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        timesteps = self.timesteps(schedule)
        way, before = moments(schedule, timesteps), None
        for step, timestep in enumerate(timesteps):
            now, then = way[step], way[step + 1]
            clean = now.clean(latents, predict(latents, timestep))
            direction = clean
            if before is not None and then.noise:
                direction = clean + _slope(way[step - 1], now, then) * (clean - before)
            # exp(-h), where h is how far the logarithm goes in this step; 0 where no noise is left.
            shrink = then.noise / now.noise * now.signal / then.signal
            latents = then.noise / now.noise * latents + then.signal * (1 - shrink) * direction
            latents, before = latents.astype(np.float32, copy=False), clean
        return latents


def _slope(before: Moment, now: Moment, then: Moment) -> float:
    """By how much the last step's change of the picture is carried on over half of this one."""
    return 0.5 * (then.log_snr - now.log_snr) / (now.log_snr - before.log_snr)
