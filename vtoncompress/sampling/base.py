"""What a sampler is: the way from noise to latents by a network that predicts noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.sampling.noise import LARGEST_SEED, Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule

Array = NDArray[np.float32]
Predict = Callable[[Array, int], Array]
"""Noisy latents and their timestep -> the noise in them, guided."""


class Sampling(ABC):
    """Options that every sampler has; they are part of a deployed network.

    Args:
        steps: calls of the network, 1 or more.
        guidance: how far the result is pushed from the garment left out to the garment shown, 0 or more; 1 does not
            push and halves the cost.
        seed: of the noise of every picture whose caller gives none.
        repaint: whether the person outside the mask is laid over the result, so that it stays as it is in every pixel.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(self, steps: int, guidance: float, seed: int, repaint: bool) -> None:
        if steps < 1:
            raise ValueError(f"sampling.steps={steps}: use 1 or more")
        if guidance < 0:
            raise ValueError(f"sampling.guidance={guidance}: use 0 or more; 1 is no guidance")
        if not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"sampling.seed={seed}: choose 0 to {LARGEST_SEED}")
        self.steps, self.guidance, self.seed, self.repaint = steps, guidance, seed, repaint

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """What its class must be called with to make it again, as JSON values."""

    @abstractmethod
    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        """Those at which the network is called, the noisiest first.

        Raises:
            ValueError: more steps than the schedule has timesteps.
        """

    @abstractmethod
    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        """Latents without noise, of the shape of ``latents``, which are normal noise; more of it comes from ``noise``.

        ``predict`` is called once for each of :meth:`timesteps`.
        """
