"""Time as the solvers of higher order see it: half the logarithm of a picture's signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vtoncompress.sampling.base import Array
from vtoncompress.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class Moment:
    """A moment of the way from noise to picture.

    Attributes:
        signal, noise: what latents are made of, ``signal * picture + noise * normal``; their squares add up to 1.
    """

    signal: float
    noise: float

    @classmethod
    def at(cls, schedule: NoiseSchedule, timestep: int) -> Moment:
        """After ``timestep`` of the training's noise."""
        kept = float(schedule.kept()[timestep])
        return cls(kept**0.5, (1 - kept) ** 0.5)

    @property
    def log_snr(self) -> float:
        """The lambda of the papers, which grows as noise leaves; infinite where none is left."""
        return float(np.log(self.signal / self.noise)) if self.noise else float("inf")

    def clean(self, latents: Array, predicted: Array) -> Array:
        """The picture that predicted noise leaves of latents."""
        return ((latents - self.noise * predicted) / self.signal).astype(np.float32, copy=False)


END = Moment(1.0, 0.0)
"""Without noise."""


def moments(schedule: NoiseSchedule, timesteps: list[int]) -> list[Moment]:
    """Where each step begins, and where the last one ends."""
    return [*(Moment.at(schedule, timestep) for timestep in timesteps), END]


def refuse_eta(sampler: str, eta: float) -> None:
    """ValueError unless ``eta`` is 0, for samplers in which it would mean nothing."""
    if eta != 0:
        raise ValueError(
            f"sampling.eta={eta}: {sampler} leaves no choice of how much is drawn anew, use 0, or sampling=ddim"
        )
