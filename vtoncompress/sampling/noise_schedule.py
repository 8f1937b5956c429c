"""How much of a picture is noise at each timestep of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCHEDULES = ("linear", "scaled_linear")


@dataclass(frozen=True)
class NoiseSchedule:
    """Forward process of a diffusion model (Ho et al. 2020), with the names of diffusers' scheduler configs.

    Args:
        num_train_timesteps: T; timesteps are 0 to T - 1.
        beta_start, beta_end: variance of the noise that is added at the first and the last timestep.
        beta_schedule: what is linear between them: ``linear`` the variance, ``scaled_linear`` its root.
        steps_offset: added to each timestep of a sampler.
        set_alpha_to_one: whether a sampler's last step ends without noise, or at timestep 0.
        clip_sample, prediction_type: ``False`` and ``epsilon``; a network that predicts something else is not known
            here.

    Raises:
        ValueError: an unknown schedule or prediction.
    """

    num_train_timesteps: int
    beta_start: float
    beta_end: float
    beta_schedule: str
    steps_offset: int = 0
    set_alpha_to_one: bool = False
    clip_sample: bool = False
    prediction_type: str = "epsilon"

    def __post_init__(self) -> None:
        if self.beta_schedule not in SCHEDULES:
            raise ValueError(f"beta_schedule={self.beta_schedule} is unknown: it must be one of {', '.join(SCHEDULES)}")
        if self.prediction_type != "epsilon" or self.clip_sample:
            raise ValueError(
                f"prediction_type={self.prediction_type} with clip_sample={self.clip_sample} is unknown: only networks "
                "that predict the noise, unclipped, can be sampled"
            )

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> NoiseSchedule:
        """From a scheduler's config, what it has besides left out."""
        known = {field.name for field in fields(cls)}
        try:
            return cls(**{name: value for name, value in config.items() if name in known})
        except TypeError as error:
            raise ValueError(f"the scheduler's config is incomplete ({error}): get it again") from error

    def kept(self) -> NDArray[np.float64]:
        """(T,): the share of the picture in the variance at each timestep, the published alpha-bar, falling."""
        first, last = self.beta_start, self.beta_end
        if self.beta_schedule == "scaled_linear":
            variance = np.square(np.linspace(first**0.5, last**0.5, self.num_train_timesteps, dtype=np.float64))
        else:
            variance = np.linspace(first, last, self.num_train_timesteps, dtype=np.float64)
        kept: NDArray[np.float64] = np.cumprod(1 - variance)
        return kept
