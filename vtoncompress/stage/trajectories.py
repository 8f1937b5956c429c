"""Between a float32 deployment and quantization: what its graphs are given while they paint the calibration pairs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from safetensors.numpy import load_file, save_file

from vtoncompress.data.base import Pair
from vtoncompress.deployment import FILES, open_deployment
from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.export.stepwise import UNET, StepwiseRuntime
from vtoncompress.progress import tracked
from vtoncompress.try_on import pair_tensors

CHOSEN = "chosen.json"


def make(config: Mapping[str, Any], deployed: Path, out: Path) -> None:
    """Write a file for each graph, its calls stacked, and ``chosen.json``, the calls of the UNet as [pair, call].

    ``config``: ``trajectories``, and of the pairs ``calibration`` and ``data``. Encoder and decoder are given all that
    the pairs give them, two pictures and one. Where steps reuse features, each of the UNet's graphs has its own choice.

    Raises:
        ValueError: pairs without a person's mask.
    """
    pairs: list[Pair] = instantiate(config["calibration"]).choose(instantiate(config["data"]))
    trajectories, runtime = instantiate(config["trajectories"]), open_deployment(deployed / FILES).runtime
    assert isinstance(runtime, StepwiseRuntime), "only a model that works in steps has trajectories"
    chosen = {name: trajectories.choose(len(pairs), calls) for name, calls in runtime.calls.items()}
    kept = {}
    for name, part in runtime.parts.items():
        wanted = {pair * runtime.calls[name] + call for pair, call in chosen[name]} if name in chosen else None
        kept[name] = Recorder(part, wanted)
    runtime.parts |= kept
    for place, pair in enumerate(tracked("trajectories", pairs)):
        runtime(pair_tensors(pair) | {"seeds": np.array([trajectories.noise_seed(place)])})
    for name in kept:
        calls = kept[name].calls
        save_file({key: np.stack([call[key] for call in calls]) for key in calls[0]}, out / f"{name}.safetensors")
    (out / CHOSEN).write_text(json.dumps(chosen[UNET]))


def read(folder: Path) -> dict[str, list[Tensors]]:
    """Graph -> its calls, as :func:`make` wrote them."""
    stacked = {file.stem: load_file(file) for file in sorted(folder.glob("*.safetensors"))}
    return {
        name: [
            {key: values[place, ...] for key, values in tensors.items()}
            for place in range(len(next(iter(tensors.values()))))
        ]
        for name, tensors in stacked.items()
    }


class Recorder(Runtime):
    """Hands everything on to a graph, and keeps copies of what it was given.

    Args:
        part: the graph.
        wanted: numbers of the calls to keep, from 0; None for all.
    """

    def __init__(self, part: Runtime, wanted: Collection[int] | None = None) -> None:
        self.part, self.wanted, self.calls, self._count = part, wanted, list[Tensors](), 0

    def __call__(self, inputs: Tensors) -> Tensors:
        if self.wanted is None or self._count in self.wanted:
            self.calls.append({name: np.array(value) for name, value in inputs.items()})
        self._count += 1
        return self.part(inputs)

    def describe(self) -> dict[str, Any]:
        return self.part.describe()
