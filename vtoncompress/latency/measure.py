"""Every convolution of a network, measured alone at many widths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from vtoncompress.affinity import pinned
from vtoncompress.export.openvino_convolution import convolution_ms
from vtoncompress.latency.geometry import Geometry
from vtoncompress.latency.lookup import Grid, Lookup
from vtoncompress.latency.shapes import geometries
from vtoncompress.model.base import TryOnModel
from vtoncompress.progress import Progress

WIDTHS = (8, 16, 32, 64, 128, 256, 384, 512)
"""Channels that are measured where a network's own are more; and its own."""
Points = tuple[list[int], list[int]]


def points(model: TryOnModel) -> dict[Geometry, Points]:
    """Input and output channels to be measured for all that a dense ``model`` may become by losing some."""
    own: dict[Geometry, tuple[set[int], set[int]]] = {}
    layers = dict(model.named_modules())
    for name, geometry in geometries(model).items():
        layer = layers[name]
        assert isinstance(layer, nn.Conv2d)
        inputs, outputs = own.setdefault(geometry, (set(), set()))
        inputs.add(layer.in_channels)
        outputs.add(layer.out_channels)
    return {geometry: (_with_less(inputs), _with_less(outputs)) for geometry, (inputs, outputs) in own.items()}


def measure(model: TryOnModel, precision: str, threads: int, repetitions: int, protocol: Mapping[str, Any]) -> Lookup:
    """The lookup of all that a dense ``model`` may become by losing channels.

    Args:
        model: whose weights do not matter.
        precision, threads, repetitions: see :func:`vtoncompress.export.openvino_convolution.convolution_ms`.
        protocol: kept with it.
    """
    asked, grids = points(model), {}
    with pinned(threads), Progress("kinds of convolution", len(asked)) as progress:
        for geometry, channels in asked.items():
            grids[geometry] = _grid(geometry, channels, precision, threads, repetitions)
            progress.step()
    told = {"precision": precision, "threads": threads, "repetitions": repetitions}
    return Lookup(grids, {**protocol, **told})


def _grid(geometry: Geometry, channels: Points, precision: str, threads: int, repetitions: int) -> Grid:
    milliseconds = [
        [convolution_ms(geometry, before, after, precision, threads, repetitions) for after in channels[1]]
        for before in channels[0]
    ]
    return Grid(*(np.array(values, np.float64) for values in (*channels, milliseconds)))


def _with_less(widths: set[int]) -> list[int]:
    return sorted({*widths, *(width for width in WIDTHS if width < max(widths))})
