"""A model whose call is more than one graph: its networks run by any runtime, its steps in numpy. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vtoncompress.export.base import LayerTime, Runtime, Tensors
from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.call import encoded, paint, recall, varied
from vtoncompress.sampling.denoising import Networks, Told

if TYPE_CHECKING:
    from vtoncompress.model.base import TryOnModel

CALL_FILE = "call.json"
ENCODER, UNET, OUTER, DECODER = "encoder", "unet", "unet_outer", "decoder"
PARTS = (ENCODER, UNET, DECODER)
"""Graphs of a model that works in steps; :data:`OUTER` is one more where steps reuse features."""
WHOLE = "model"  # the only graph of a model whose call is one


def write_call(model: TryOnModel, folder: Path) -> None:
    """Write how the graphs of ``model`` make a call; nothing where it is one graph."""
    call = model.call()
    if call is not None:
        (folder / CALL_FILE).write_text(json.dumps(call, indent=1) + "\n")


def read_call(folder: Path) -> dict[str, Any] | None:
    """What :func:`write_call` wrote; None where it wrote nothing. ValueError where the file is damaged."""
    file = folder / CALL_FILE
    if not file.is_file():
        return None
    try:
        call = json.loads(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} is damaged: export the network again") from error
    if not isinstance(call, dict):
        raise ValueError(f"{file} is damaged: export the network again")
    return call


def parts_of(folder: Path) -> tuple[str, ...]:
    """The graphs that a call of the folder runs. ValueError where its call is damaged."""
    call = read_call(folder)
    if call is None:
        return (WHOLE,)
    _, sampling = recall(call)
    return PARTS if sampling.reuse == 1 else (*PARTS, OUTER)


def open_parts(folder: Path, open_part: Callable[[str], Runtime]) -> Runtime:
    """The runtime of a folder, whatever it holds; ``open_part`` opens one graph by its name."""
    call = read_call(folder)
    if call is None:
        return open_part(WHOLE)
    return StepwiseRuntime({name: open_part(name) for name in parts_of(folder)}, call)


class StepwiseRuntime(Runtime):
    """Encoder, UNet and decoder by one runtime, and the loop over steps.

    Where not every step is guided, the UNet's graph is for one picture, and a guided step runs it twice.

    A call takes ``seeds`` too, (N,) whole numbers, instead of the sampler's seed, and any number of pictures; the
    graphs get one at a time, so that a picture does not depend on those beside it.

    Args:
        parts: the opened graphs, for one picture; the UNet's for two where all steps are guided.
        call: what :func:`vtoncompress.sampling.call.describe` told.

    Raises:
        ValueError: ``call`` can't be made here.
    """

    inputs = ("person", "garment", "agnostic_mask")

    def __init__(self, parts: Mapping[str, Runtime], call: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        self._schedule, self._sampling = recall(call)
        self._pictures = self._sampling.pictures
        self._shown: dict[str, Tensors] | None = None  # what each part was given last, while that is asked for

    @property
    def calls(self) -> dict[str, int]:
        """Of each of the UNet's graphs, for one picture."""
        calls = self._sampling.calls()
        return {UNET: calls[True]} | ({OUTER: calls[False]} if OUTER in self.parts else {})

    def __call__(self, inputs: Tensors) -> Tensors:
        return self._paint(inputs, self._sampling)

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors]:
        """As :meth:`Runtime.reuse`: a garment's latents, or a person's where its mask is fixed too."""
        latents = encoded(self, fixed)
        return lambda inputs: self._paint({**fixed, **inputs}, self._sampling, latents=latents)

    def sampled(self, options: Mapping[str, Any], told: Told) -> Callable[[Tensors], Tensors]:
        sampling = varied(self._schedule, self._sampling, options)
        return lambda inputs: self._paint(inputs, sampling, told)

    def _paint(
        self,
        inputs: Tensors,
        sampling: Sampling,
        told: Told | None = None,
        latents: Mapping[str, Array] | None = None,
    ) -> Tensors:
        if missing := [name for name in self.inputs if name not in inputs]:
            raise ValueError(f"this network needs {missing[0]}, which these pairs lack: give them masks, or others")
        seeds = [int(seed) for seed in inputs["seeds"]] if "seeds" in inputs else None
        person, garment, mask = (inputs[name] for name in self.inputs)
        networks = self.networks(sampling)
        return {"image": paint(networks, self._schedule, sampling, person, garment, mask, seeds, told, latents)}

    def networks(self, sampling: Sampling | None = None) -> Networks:
        """As :meth:`Runtime.networks`."""
        return self if sampling is None or self._pictures in (1, sampling.pictures) else _Doubled(self)

    def encode(self, picture: Array) -> Array:
        """See :class:`vtoncompress.sampling.call.Networks`."""
        return _stacked(self._run(ENCODER, {"picture": one})[0] for one in _singles(picture))

    def predict(self, latents: Array, timestep: int) -> Array:
        """As :meth:`encode`; of a call that is always guided both halves of a picture are shown together."""
        return self._run_unet(UNET, latents, timestep)[0]

    def predict_deep(self, latents: Array, timestep: int) -> tuple[Array, Array]:
        """As :meth:`predict`."""
        noise, features = self._run_unet(UNET, latents, timestep)
        return noise, features

    def predict_outer(self, latents: Array, timestep: int, features: Array) -> Array:
        """As :meth:`predict`."""
        return self._run_unet(OUTER, latents, timestep, {"features": features})[0]

    def _run_unet(
        self, part: str, latents: Array, timestep: int, others: Mapping[str, Array] | None = None
    ) -> list[Array]:
        count = len(latents) // self._pictures
        each = []
        for one in range(count):
            inputs = {name: np.ascontiguousarray(value[one::count]) for name, value in (others or {}).items()}
            inputs |= {"latents": np.ascontiguousarray(latents[one::count])}
            found = self._run(part, {**inputs, "timestep": np.array(timestep, np.int64)})
            each.append([np.array(output) for output in found])  # the runtime writes its next result over it
        # Both halves of each picture -> the first halves of all, then the second ones.
        return [np.concatenate([*np.stack(outputs, 1)]) for outputs in zip(*each, strict=True)]

    def decode(self, latents: Array) -> Array:
        """As :meth:`encode`."""
        return _stacked(self._run(DECODER, {"latents": one})[0] for one in _singles(latents))

    def _run(self, part: str, inputs: Mapping[str, Any]) -> list[Array]:
        if self._shown is not None:
            self._shown[part] = dict(inputs)
        return [*self.parts[part](dict(inputs)).values()]

    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime] | None:
        """As :meth:`Runtime.profile`, of one step and of one pass through encoder and decoder."""
        self._shown = {}
        try:
            self(inputs)
            each = [self.parts[part].profile(shown, repetitions) for part, shown in self._shown.items()]
        finally:
            self._shown = None
        return None if None in each else [layer for layers in each for layer in layers or ()]

    def describe(self) -> dict[str, Any]:
        """The UNet's, which takes nearly all of the time, and the stored bytes of all three."""
        each = {name: part.describe() for name, part in self.parts.items()}
        stored = {name: sum(one.get("stored_bytes", {}).values()) for name, one in each.items()}
        return {
            **each[UNET],
            "stored_parts": {**stored, "whole": sum(stored.values())},
            "sampling": self._sampling.told(),
        }


class _Doubled:
    """Networks of a guided call in one that is not always: the UNet's graphs see two pictures, and get one twice."""

    def __init__(self, runtime: StepwiseRuntime) -> None:
        self.encode, self.decode, self._runtime = runtime.encode, runtime.decode, runtime

    def predict(self, latents: Array, timestep: int) -> Array:
        return self._runtime.predict(_twice(latents), timestep)[: len(latents)]

    def predict_deep(self, latents: Array, timestep: int) -> tuple[Array, Array]:
        noise, features = self._runtime.predict_deep(_twice(latents), timestep)
        return noise[: len(latents)], features[: len(latents)]

    def predict_outer(self, latents: Array, timestep: int, features: Array) -> Array:
        return self._runtime.predict_outer(_twice(latents), timestep, _twice(features))[: len(latents)]


def _twice(array: Array) -> Array:
    return np.concatenate([array, array])


def _singles(array: Array) -> Iterable[Array]:
    return (np.ascontiguousarray(array[one : one + 1]) for one in range(len(array)))


def _stacked(results: Iterable[Array]) -> Array:
    # A runtime may write its next result where the last one lies.
    return np.concatenate([np.array(one) for one in results])
