"""Every convolution of a network, measured alone at many widths."""

from __future__ import annotations

import numpy as np
from torch import nn

from vtoncompress.export.openvino_convolution import convolution_ms
from vtoncompress.latency.geometry import Geometry
from vtoncompress.latency.lookup import Grid
from vtoncompress.latency.shapes import geometries
from vtoncompress.model.base import TryOnModel

WIDTHS = (8, 16, 32, 64, 128, 192, 256, 384, 512, 768)
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


def measure(geometry: Geometry, channels: Points, precision: str, threads: int, repetitions: int) -> Grid:
    """The grid of a geometry; arguments as for :func:`vtoncompress.export.openvino_convolution.convolution_ms`."""
    milliseconds = [
        [convolution_ms(geometry, before, after, precision, threads, repetitions) for after in channels[1]]
        for before in channels[0]
    ]
    return Grid(*(np.array(values, np.float64) for values in (*channels, milliseconds)))


def _with_less(widths: set[int]) -> list[int]:
    return sorted({*widths, *(width for width in WIDTHS if width < max(widths))})
