"""The whole call of a latent try-on network: encode, denoise step by step, decode."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.denoising import Denoising, Networks, Told
from vtoncompress.sampling.latents import condition, hide, lay_over, upper_half
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule

EXPORTED = ("reuse", "reuse_layers", "merging")
"""Options that say which graphs there are or what they compute."""


def paint(
    networks: Networks,
    schedule: NoiseSchedule,
    sampling: Sampling,
    person: Array,
    garment: Array,
    agnostic_mask: Array,
    seeds: Sequence[int] | None = None,
    told: Told | None = None,
    latents: Mapping[str, Array] | None = None,
) -> Array:
    """Pictures (N, 3, H, W) in -1..1 of the people in the garments; each depends on its own inputs and seed alone.

    Args:
        networks, schedule, sampling: the model.
        person, garment: (N, 3, H, W) in -1..1.
        agnostic_mask: (N, 1, H, W) in 0..1, 1 where the person is painted anew.
        seeds: one for each picture; ``sampling.seed`` for all of them where it is None.
        told: see :data:`vtoncompress.sampling.denoising.Told`.
        latents: those that are known from :func:`encoded`.
    """
    count, shown = len(person), {"person": person, "garment": garment, "agnostic_mask": agnostic_mask}
    noise = Noise([sampling.seed] * count if seeds is None else seeds)
    found = {**encoded(networks, shown, latents or {}), **(latents or {})}
    known = condition(found["person"], found["garment"], agnostic_mask)
    channels, (height, width) = (known.shape[1] - 1), known.shape[2:]
    start = noise.draw((channels, height, width))
    solved = sampling.solve(schedule, start, Denoising(networks, schedule, sampling, known, told), noise)
    image: Array = networks.decode(upper_half(solved)).clip(-1, 1)
    return lay_over(person, image, agnostic_mask) if sampling.repaint else image


def encoded(networks: Networks, inputs: Mapping[str, Array], known: Collection[str] = ()) -> dict[str, Array]:
    """Latents of what ``inputs`` decide alone, but for those that are ``known``.

    All calls of a garment share ``garment``, and all of a person with its mask share ``person``. Nothing else of a call
    is the same from one to the next: in the UNet both halves attend to each other, at every timestep anew.
    """
    found = {}
    if "garment" in inputs and "garment" not in known:
        found["garment"] = networks.encode(inputs["garment"])
    if {"person", "agnostic_mask"} <= inputs.keys() and "person" not in known:
        found["person"] = networks.encode(hide(inputs["person"], inputs["agnostic_mask"]))
    return found


def varied(schedule: NoiseSchedule, sampling: Sampling, options: Mapping[str, Any]) -> Sampling:
    """The same sampler with some options changed.

    Raises:
        ValueError: one is out of range or not the schedule's, or the networks were exported for another.
    """
    kind: Any = type(sampling)
    changed: Sampling = kind(**{**sampling.arguments(), **options})
    for name in EXPORTED:
        if getattr(changed, name) != getattr(sampling, name):
            raise ValueError(f"sampling.{name}={getattr(changed, name)}: it is part of the graphs, export them again")
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
