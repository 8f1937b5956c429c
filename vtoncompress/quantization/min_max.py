"""Integer convolutions with no toolkit: grids from the extremes of inputs that were seen, weights as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vtoncompress.export.base import Tensors
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import Grid, IntegerConv2d, replace_layers

LEVELS = 255
SMALLEST = 1e-8
"""Scale of what is 0 throughout; any would do."""


def input_grids(model: TryOnModel, layers: Sequence[str], inputs: Sequence[Tensors]) -> dict[str, Grid]:
    """By layer: 256 numbers from the smallest to the largest input that it had, 0 among them; one pass over ``inputs``.

    Args:
        model: in float32 and evaluation mode.
        layers: names of convolutions, each called at least once for an input.
        inputs: of ``model``, one at a time.
    """
    seen: dict[str, tuple[float, float]] = {}
    with ExitStack() as hooks, torch.inference_mode():
        for name in layers:
            hooks.callback(model.get_submodule(name).register_forward_pre_hook(partial(_look, seen, name)).remove)
        for tensors in inputs:
            model(**{name: torch.from_numpy(value) for name, value in tensors.items()})
    return {name: _grid(*seen[name]) for name in layers}


def _look(seen: dict[str, tuple[float, float]], name: str, layer: nn.Module, given: tuple[Any, ...]) -> None:
    features: Tensor = given[0]
    low, high = seen.get(name, (0.0, 0.0))
    seen[name] = (min(low, float(features.min())), max(high, float(features.max())))


def _grid(low: float, high: float) -> Grid:
    scale = max((high - low) / LEVELS, SMALLEST)
    return Grid(scale, min(LEVELS, max(0, round(-low / scale))), signed=False)


def make_integer(model: nn.Module, grids: Mapping[str, Grid]) -> None:
    """Put integers in place of the convolutions that have a grid; weights reach to the largest of their channel."""
    layers: dict[str, nn.Module] = {}
    for name, grid in grids.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), name
        largest = layer.weight.detach().abs().amax((1, 2, 3))
        layers[name] = IntegerConv2d.of(layer, (largest / 127).clamp_min(SMALLEST), grid)
    replace_layers(model, layers)
