"""Where the timesteps of a sampler lie, in the three ways of diffusers (Lin et al. 2024, table 2).

leading   multiples of T / steps; CatVTON's. The first of few steps is far from pure noise, which it starts from.
linspace  evenly from the last timestep to the first
trailing  evenly down from the last timestep, so that few steps, too, begin where there is nothing but noise
"""

from __future__ import annotations

import numpy as np

from vtoncompress.sampling.noise_schedule import NoiseSchedule

SPACINGS = ("leading", "linspace", "trailing")


def spaced(schedule: NoiseSchedule, steps: int, spacing: str, to_zero: bool) -> list[int]:
    """``steps`` timesteps, falling.

    Args:
        schedule: whose timesteps they are.
        steps, spacing: see :class:`vtoncompress.sampling.base.Sampling`.
        to_zero: whether one more step, which is not taken, would end at timestep 0: diffusers' samplers of higher order
            space so, DDIM doesn't.

    Raises:
        ValueError: more steps than the schedule has timesteps.
    """
    last, cuts = schedule.num_train_timesteps, steps + to_zero
    if cuts > last:
        raise ValueError(f"sampling.steps={steps}: use {last - to_zero} or fewer")
    if spacing == "leading":
        found = np.arange(cuts) * (last // cuts) + schedule.steps_offset
        return [int(one) for one in found[::-1][:steps]]
    if spacing == "linspace":
        return [int(one) for one in np.linspace(0, last - 1, cuts).round()[::-1][:steps]]
    return [int(one) for one in np.arange(last, 0, -last / steps).round() - 1]
