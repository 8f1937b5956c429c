"""Putting another kind of convolution into a network; what the modes share that need no calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import replace_layers


def with_replaced(model: TryOnModel, layers: Sequence[str], make: Callable[[nn.Conv2d], nn.Module]) -> TryOnModel:
    """A copy of ``model``, batch norms folded, with what ``make`` makes of each of ``layers`` in its place."""
    model = fold_batch_norms(model)
    made: dict[str, nn.Module] = {}
    for name in layers:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), name
        made[name] = make(layer)
    replace_layers(model, made)
    return model
