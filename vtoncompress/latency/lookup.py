"""Milliseconds of a convolution by its input and output channels, between measured points. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.latency.geometry import Geometry
from vtoncompress.record import write_text

FORMAT = 1
REMEDY = "measure it with python experiments/measure_latency.py"


@dataclass(frozen=True)
class Grid:
    """Of one geometry.

    Attributes:
        inputs, outputs: channels that were measured, rising.
        milliseconds: (inputs, outputs).
    """

    inputs: NDArray[np.float64]
    outputs: NDArray[np.float64]
    milliseconds: NDArray[np.float64]

    def at(self, inputs: float, outputs: float) -> float:
        """Linear between the points; at the rim beyond it."""
        along = np.array([np.interp(outputs, self.outputs, line) for line in self.needed])
        return float(np.interp(inputs, self.inputs, along))

    @cached_property
    def needed(self) -> NDArray[np.float64]:
        """(inputs, outputs): no more than any wider convolution takes, which could do the work with channels of zeros.

        What was measured above that was disturbed, or is a width that the runtime has no good kernel for; pruning by
        the steps of the one or the other would take channels where nothing is gained.
        """
        least = self.milliseconds
        for axis in (0, 1):
            least = np.flip(np.minimum.accumulate(np.flip(least, axis), axis), axis)
        return least


@dataclass(frozen=True)
class Lookup:
    """What was measured on one machine.

    Attributes:
        grids: by geometry.
        protocol: what it depends on: machine, runtime, precision, threads.
    """

    grids: Mapping[Geometry, Grid]
    protocol: Mapping[str, Any]

    def milliseconds(self, geometry: Geometry, inputs: float, outputs: float) -> float:
        """Of a convolution. ValueError where its geometry was not measured."""
        if geometry not in self.grids:
            raise ValueError(
                f"the file of latencies has no {geometry.kernel}x{geometry.kernel} convolution of stride "
                f"{geometry.stride} on {geometry.height}x{geometry.width}: {REMEDY} for this model"
            )
        return self.grids[geometry].at(inputs, outputs)


def write_lookup(lookup: Lookup, path: Path) -> None:
    """Write it as JSON, whole or not at all."""
    grids = [
        {**asdict(geometry), **{one.name: np.round(getattr(grid, one.name), 5).tolist() for one in fields(grid)}}
        for geometry, grid in sorted(lookup.grids.items())
    ]
    lines = ",\n".join(f"  {json.dumps(grid)}" for grid in grids)
    protocol = json.dumps(lookup.protocol, indent=1)
    write_text(path, f'{{\n "format": {FORMAT},\n "protocol": {protocol},\n "grids": [\n{lines}\n ]\n}}\n')


def read_lookup(path: Path) -> Lookup:
    """What :func:`write_lookup` wrote. ValueError, with the remedy, for a missing or damaged file."""
    if not path.is_file():
        raise ValueError(f"{path}, the file of latencies, is missing: {REMEDY}")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']}")
        grids = dict(_grid(one) for one in told["grids"])
        return Lookup(grids, dict(told["protocol"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): {REMEDY}") from error


def _grid(told: Mapping[str, Any]) -> tuple[Geometry, Grid]:
    geometry = Geometry(*(int(told[name]) for name in Geometry.__dataclass_fields__))
    inputs, outputs, milliseconds = (np.array(told[name], np.float64) for name in ("inputs", "outputs", "milliseconds"))
    if (
        milliseconds.shape != (len(inputs), len(outputs))
        or not milliseconds.size
        or not np.isfinite(milliseconds).all()
    ):
        raise ValueError("a grid of another shape than its channels")
    return geometry, Grid(inputs, outputs, milliseconds)
