"""UniPC (Zhao et al. 2023) of second order, B(h) = e^h - 1: each call of the network corrects the step before, too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vtoncompress.sampling.base import Array, Predict, Sampling
from vtoncompress.sampling.log_snr import Moment, moments, refuse_eta
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.spacing import spaced


@dataclass(frozen=True, kw_only=True)
class UniPC(Sampling):
    """Predictor and corrector that look back at the same calls; deterministic, for 5 to 20 steps.

    Args:
        others: see :class:`vtoncompress.sampling.base.Sampling`; ``eta`` must be 0.

    Raises:
        ValueError: an option out of range.
    """

    steps: int = 20
    spacing: str = "linspace"

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_eta("UniPC", self.eta)

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        return spaced(schedule, self.steps, self.spacing, to_zero=True)

    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        timesteps = self.timesteps(schedule)
        way, pictures, before = moments(schedule, timesteps), list[Array](), latents
        for step, timestep in enumerate(timesteps):
            clean = way[step].clean(latents, predict(latents, timestep))
            if step:
                # The corrector reaches as far back as the predictor of the step that it corrects.
                latents = _correct(way[max(0, step - 2) : step + 1], pictures, before, clean)
            pictures, before = [*pictures[-1:], clean], latents
            # Where the step ends without noise, nothing is left to extrapolate.
            known = pictures[-1:] if step + 1 == len(timesteps) else pictures
            latents = _predict(way[step + 1 - len(known) : step + 2], known, before)
        return latents


def _predict(way: list[Moment], pictures: list[Array], latents: Array) -> Array:
    """From the last but one moment of ``way`` to its last; ``pictures`` are of all but the last, which is not known."""
    plain, factor, _ = _first_order(way, pictures[-1], latents)
    if len(pictures) > 1:
        plain = plain - factor * 0.5 * (pictures[-2] - pictures[-1]) / _ratio(way)
    return plain.astype(np.float32, copy=False)


def _correct(way: list[Moment], pictures: list[Array], latents: Array, clean: Array) -> Array:
    """As :func:`_predict`, where the picture at the last moment, ``clean``, is known by now."""
    plain, factor, step = _first_order(way, pictures[-1], latents)
    change = clean - pictures[-1]
    if len(way) == 2:
        return (plain - factor * 0.5 * change).astype(np.float32, copy=False)
    # Equation 5: the weights that are right to second order, for the changes over the step before and over this one.
    ratio, whole = _ratio(way), np.expm1(-step)
    first = (whole / -step - 1) / whole
    second = 2 * ((whole / -step - 1) / -step - 0.5) / whole
    earlier, this = np.linalg.solve(np.array([[1, 1], [ratio, 1]]), np.array([first, second]))
    corrected = plain - factor * (earlier * (pictures[-2] - pictures[-1]) / ratio + this * change)
    return np.asarray(corrected, np.float32)


def _first_order(way: list[Moment], picture: Array, latents: Array) -> tuple[Array, float, float]:
    """The step that takes the picture for constant, the factor of what corrects it, and the step's length."""
    now, then = way[-2:]
    step = then.log_snr - now.log_snr
    factor = then.signal * float(np.expm1(-step))
    return then.noise / now.noise * latents - factor * picture, factor, step


def _ratio(way: list[Moment]) -> float:
    """Of the step before to this one, negative: it lies behind."""
    before, now, then = way[-3:]
    return (before.log_snr - now.log_snr) / (then.log_snr - now.log_snr)
