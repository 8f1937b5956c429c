"""The whole call of a latent try-on network: encode, denoise step by step, decode."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.latents import condition, hide, lay_over, upper_half
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule

Step = Callable[[int, int], None]
"""Told after each step: how many are done, of how many."""


class Networks(Protocol):
    """The three networks of a latent try-on model, whatever runs them; C channels and h x w places of latents."""

    def encode(self, picture: Array) -> Array:
        """(N, 3, H, W) in -1..1 -> (N, C, h, w), the most likely latents, scaled to unit variance."""

    def predict(self, latents: Array, timestep: int) -> Array:
        """(N, C + 1 + C, 2h, w): noisy latents, mask, what is known -> the noise (N, C, 2h, w) in the first."""

    def decode(self, latents: Array) -> Array:
        """(N, C, h, w) -> (N, 3, H, W), about -1..1."""


def paint(
    networks: Networks,
    schedule: NoiseSchedule,
    sampling: Sampling,
    person: Array,
    garment: Array,
    agnostic_mask: Array,
    seeds: Sequence[int] | None = None,
    told: Step | None = None,
) -> Array:
    """Pictures (N, 3, H, W) in -1..1 of the people in the garments; each depends on its own inputs and seed alone.

    Args:
        networks, schedule, sampling: the model.
        person, garment: (N, 3, H, W) in -1..1.
        agnostic_mask: (N, 1, H, W) in 0..1, 1 where the person is painted anew.
        seeds: one for each picture; ``sampling.seed`` for all of them where it is None.
        told: see :data:`Step`.
    """
    count = len(person)
    noise = Noise([sampling.seed] * count if seeds is None else seeds)
    known = condition(networks.encode(hide(person, agnostic_mask)), networks.encode(garment), agnostic_mask)
    guided = sampling.guidance != 1
    known, done = known if guided else known[count:], 0

    def predict(latents: Array, timestep: int) -> Array:
        nonlocal done
        both = np.concatenate([latents, latents]) if guided else latents
        predicted = networks.predict(np.concatenate([both, known], 1), timestep)
        done += 1
        if told is not None:
            told(done, sampling.steps)
        if not guided:
            return predicted
        without, shown = predicted[:count], predicted[count:]
        return without + np.float32(sampling.guidance) * (shown - without)

    channels, (height, width) = (known.shape[1] - 1), known.shape[2:]
    start = noise.draw((channels, height, width))
    latents = sampling.solve(schedule, start, predict, noise)
    image: Array = networks.decode(upper_half(latents)).clip(-1, 1)
    return lay_over(person, image, agnostic_mask) if sampling.repaint else image


def varied(schedule: NoiseSchedule, sampling: Sampling, options: Mapping[str, Any]) -> Sampling:
    """The same sampler with some options changed. ValueError where one is out of range or not the schedule's."""
    kind: Any = type(sampling)
    changed: Sampling = kind(**{**sampling.arguments(), **options})
    changed.timesteps(schedule)
    return changed


def describe(schedule: NoiseSchedule, sampling: Sampling) -> dict[str, Any]:
    """What :func:`recall` makes the same two of, as JSON values."""
    kind = type(sampling)
    return {"schedule": asdict(schedule), "sampling": f"{kind.__module__}.{kind.__name__}", **sampling.arguments()}


def recall(described: Mapping[str, Any]) -> tuple[NoiseSchedule, Sampling]:
    """Schedule and sampler that :func:`describe` told of. Runs nothing but samplers of this package.

    Raises:
        ValueError: it is no such description.
    """
    arguments = dict(described)
    module, _, name = str(arguments.pop("sampling", "")).rpartition(".")
    kind: Any = None
    if re.fullmatch(r"vtoncompress\.sampling\.[a-z][a-z0-9_]*", module) and importlib.util.find_spec(module):
        kind = getattr(importlib.import_module(module), name, None)
    if not (inspect.isclass(kind) and issubclass(kind, Sampling) and not inspect.isabstract(kind)):
        raise ValueError(f"{described.get('sampling')!r} is no sampler of this version")
    try:
        return NoiseSchedule(**arguments.pop("schedule")), kind(**arguments)
    except (TypeError, KeyError) as error:
        raise ValueError(f"these are no options of {name}: {error}") from error
