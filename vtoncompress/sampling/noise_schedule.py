"""How much of a picture is noise at each timestep of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCHEDULES = ("linear", "scaled_linear")
NOISE, VELOCITY = "epsilon", "v_prediction"


@dataclass(frozen=True)
class NoiseSchedule:
    """Forward process of a diffusion model (Ho et al. 2020), with the names of diffusers' scheduler configs.

    Args:
        num_train_timesteps: T; timesteps are 0 to T - 1.
        beta_start, beta_end: variance of the noise that is added at the first and the last timestep.
        beta_schedule: what is linear between them: ``linear`` the variance, ``scaled_linear`` its root.
        steps_offset: added to each timestep of a sampler.
        set_alpha_to_one: whether a sampler's last step ends without noise, or at timestep 0.
        prediction_type: what the network predicts, ``epsilon``, the noise, or ``v_prediction``, the velocity (Salimans
            and Ho 2022): as much of the noise as there is of the picture, less as much of the picture as there is of
            the noise. Where nearly all is noise it still tells the picture.
        clip_sample: ``False``.

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
    prediction_type: str = NOISE

    def __post_init__(self) -> None:
        if self.beta_schedule not in SCHEDULES:
            raise ValueError(f"beta_schedule={self.beta_schedule} is unknown: it must be one of {', '.join(SCHEDULES)}")
        if self.prediction_type not in (NOISE, VELOCITY) or self.clip_sample:
            raise ValueError(
                f"prediction_type={self.prediction_type} with clip_sample={self.clip_sample} is unknown: only networks "
                f"that predict the noise ({NOISE}) or the velocity ({VELOCITY}), unclipped, can be sampled"
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

    def noise(self, latents: NDArray[np.float32], predicted: NDArray[np.float32], timestep: int) -> NDArray[np.float32]:
        """The noise in ``latents`` that is meant by what the network ``predicted`` at ``timestep``."""
        if self.prediction_type == NOISE:
            return predicted
        kept = self.kept()[timestep]
        found: NDArray[np.float32] = np.float32(kept**0.5) * predicted + np.float32((1 - kept) ** 0.5) * latents
        return found
