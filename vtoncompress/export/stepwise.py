"""A model whose call is more than one graph: its networks run by any runtime, its steps in numpy. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vtoncompress.export.base import LayerTime, Runtime, Tensors
from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.call import Step, paint, recall, varied

if TYPE_CHECKING:
    from vtoncompress.model.base import TryOnModel

CALL_FILE = "call.json"
ENCODER, UNET, DECODER = "encoder", "unet", "decoder"
PARTS = (ENCODER, UNET, DECODER)
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


def open_parts(folder: Path, open_part: Callable[[str], Runtime]) -> Runtime:
    """The runtime of a folder, whatever it holds; ``open_part`` opens one graph by its name."""
    call = read_call(folder)
    if call is None:
        return open_part(WHOLE)
    return StepwiseRuntime({name: open_part(name) for name in PARTS}, call)


class StepwiseRuntime(Runtime):
    """Encoder, UNet and decoder by one runtime, and the loop over steps.

    A call takes ``seeds`` too, (N,) whole numbers, instead of the sampler's seed, and any number of pictures; the
    graphs get one at a time, so that a picture does not depend on those beside it.

    Args:
        parts: the three opened graphs, for one picture; the UNet's for two where the call is guided.
        call: what :func:`vtoncompress.sampling.call.describe` told.

    Raises:
        ValueError: ``call`` can't be made here.
    """

    inputs = ("person", "garment", "agnostic_mask")

    def __init__(self, parts: Mapping[str, Runtime], call: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        self._schedule, self._sampling = recall(call)
        self._pictures = 1 if self._sampling.guidance == 1 else 2
        self._shown: dict[str, Tensors] = {}

    @property
    def calls(self) -> int:
        """Of the UNet, for one picture."""
        return len(self._sampling.timesteps(self._schedule))

    def __call__(self, inputs: Tensors) -> Tensors:
        return self._paint(inputs, self._sampling, None)

    def sampled(self, options: Mapping[str, Any], told: Step) -> Callable[[Tensors], Tensors]:
        sampling = varied(self._schedule, self._sampling, options)
        return lambda inputs: self._paint(inputs, sampling, told)

    def _paint(self, inputs: Tensors, sampling: Sampling, told: Step | None) -> Tensors:
        if missing := [name for name in self.inputs if name not in inputs]:
            raise ValueError(f"this network needs {missing[0]}, which these pairs lack: give them masks, or others")
        seeds = [int(seed) for seed in inputs["seeds"]] if "seeds" in inputs else None
        person, garment, mask = (inputs[name] for name in self.inputs)
        networks = _Doubled(self) if self._pictures == 2 and sampling.guidance == 1 else self
        return {"image": paint(networks, self._schedule, sampling, person, garment, mask, seeds, told)}

    def networks(self) -> StepwiseRuntime:
        return self

    def encode(self, picture: Array) -> Array:
        """See :class:`vtoncompress.sampling.call.Networks`."""
        return _stacked(self._run(ENCODER, {"picture": one}) for one in _singles(picture))

    def predict(self, latents: Array, timestep: int) -> Array:
        """As :meth:`encode`; of a guided call both halves of a picture are shown together."""
        count = len(latents) // self._pictures
        noise = np.empty((len(latents), (latents.shape[1] - 1) // 2, *latents.shape[2:]), np.float32)
        for one in range(count):
            inputs = {"latents": np.ascontiguousarray(latents[one::count]), "timestep": np.array(timestep, np.int64)}
            noise[one::count] = self._run(UNET, inputs)
        return noise

    def decode(self, latents: Array) -> Array:
        """As :meth:`encode`."""
        return _stacked(self._run(DECODER, {"latents": one}) for one in _singles(latents))

    def _run(self, part: str, inputs: Mapping[str, Any]) -> Array:
        self._shown[part] = dict(inputs)
        (output,) = self.parts[part](self._shown[part]).values()
        return output

    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime] | None:
        """As :meth:`Runtime.profile`, of one step and of one pass through encoder and decoder."""
        self(inputs)
        each = [self.parts[part].profile(shown, repetitions) for part, shown in self._shown.items()]
        return None if None in each else [layer for layers in each for layer in layers or ()]

    def describe(self) -> dict[str, Any]:
        """The UNet's, which takes nearly all of the time, and the stored bytes of all three."""
        each = {name: part.describe() for name, part in self.parts.items()}
        stored = {name: sum(one.get("stored_bytes", {}).values()) for name, one in each.items()}
        return {
            **each[UNET],
            "stored_parts": {**stored, "whole": sum(stored.values())},
            "sampling": {"sampler": type(self._sampling).__name__, **self._sampling.arguments()},
        }


class _Doubled:
    """Networks of a guided call in one that is not: the UNet's graph sees two pictures, and gets the same one twice."""

    def __init__(self, runtime: StepwiseRuntime) -> None:
        self.encode, self.decode, self._runtime = runtime.encode, runtime.decode, runtime

    def predict(self, latents: Array, timestep: int) -> Array:
        return self._runtime.predict(np.concatenate([latents, latents]), timestep)[: len(latents)]


def _singles(array: Array) -> Iterable[Array]:
    return (np.ascontiguousarray(array[one : one + 1]) for one in range(len(array)))


def _stacked(results: Iterable[Array]) -> Array:
    # A runtime may write its next result where the last one lies.
    return np.concatenate([np.array(one) for one in results])
