"""The noise in latents, as a sampler asks for it: the network's calls of a step, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.noise_schedule import NoiseSchedule

Told = Callable[[int, int], None]
"""Told after each step: how many are done, of how many."""


class Networks(Protocol):
    """The networks of a latent try-on model, whatever runs them; C channels and h x w places of latents."""

    def encode(self, picture: Array) -> Array:
        """(N, 3, H, W) in -1..1 -> (N, C, h, w), the most likely latents, scaled to unit variance."""

    def predict(self, latents: Array, timestep: int) -> Array:
        """(N, C + 1 + C, 2h, w): noisy latents, mask, what is known -> the noise (N, C, 2h, w) in the first,
        or what else the schedule says that it predicts."""

    def predict_deep(self, latents: Array, timestep: int) -> tuple[Array, Array]:
        """As :meth:`predict`, and the features (N, F, y, x) that reach the outer layers from the deep ones."""

    def predict_outer(self, latents: Array, timestep: int, features: Array) -> Array:
        """As :meth:`predict`, by the outer layers alone and features of another timestep."""

    def decode(self, latents: Array) -> Array:
        """(N, C, h, w) -> (N, 3, H, W), about -1..1."""


class Denoising:
    """Predicts noise as ``sampling`` plans it, step after step; of one way from noise to pictures.

    Args:
        networks, schedule, sampling: the model.
        known: (2N, 1 + C, 2h, w), see :func:`vtoncompress.sampling.latents.condition`.
        told: see :data:`Told`.
    """

    def __init__(
        self, networks: Networks, schedule: NoiseSchedule, sampling: Sampling, known: Array, told: Told | None
    ) -> None:
        self._networks, self._schedule, self._sampling = networks, schedule, sampling
        self._known, self._told = known, told
        self._plan, self._reuses, self._done = sampling.plan(), sampling.reuse > 1, 0
        self._features = known[:0]

    def __call__(self, latents: Array, timestep: int) -> Array:
        """(N, C, 2h, w) -> the guided noise in them, of that shape."""
        count, step = len(latents), self._plan[self._done]
        known = self._known if step.guided else self._known[count:]
        shown = np.concatenate([np.concatenate([latents] * (len(known) // count)), known], 1)
        predicted = self._predict(shown, timestep, step.deep)
        self._done += 1
        if self._told is not None:
            self._told(self._done, len(self._plan))
        if step.guided:
            without, with_garment = predicted[:count], predicted[count:]
            predicted = without + np.float32(self._sampling.guidance) * (with_garment - without)
        return self._schedule.noise(latents, predicted, timestep)

    def _predict(self, shown: Array, timestep: int, deep: bool) -> Array:
        if not self._reuses:
            return self._networks.predict(shown, timestep)
        if deep:
            predicted, self._features = self._networks.predict_deep(shown, timestep)
            return predicted
        # Those with the garment are last: all that a step without guidance needs of a guided one.
        return self._networks.predict_outer(shown, timestep, self._features[-len(shown) :])
