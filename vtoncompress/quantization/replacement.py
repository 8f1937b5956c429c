"""Putting another kind of layer into a network or its graphs; what the modes share that need no calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vtoncompress.export.openvino_ir import set_precision
from vtoncompress.export.openvino_storage import store_weights
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import replace_layers
from vtoncompress.model.stored_convolution import StoredConv2d
from vtoncompress.quantization.parts import edited_parts


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


def with_stored_parts(
    folder: Path,
    model: TryOnModel,
    layers: Sequence[str],
    make: Callable[[nn.Conv2d], StoredConv2d],
    precision: str = "f32",
) -> dict[str, Any]:
    """OpenVINO's graphs of a model that works in steps, with what ``make`` makes of each of ``layers``, in place.

    Returns:
        What a record should know: layers, and those of each graph.
    """
    counts = {}
    for part, own, graph in edited_parts(folder, "openvino", layers):
        store_weights(graph.proto, {name: make(as_convolution(model.get_submodule(name))) for name in own})
        set_precision(graph.proto, precision)
        counts[part] = {"layers": len(own)}
    return {"quantized_layers": len(layers), "parts": counts}


def as_convolution(layer: nn.Module) -> nn.Conv2d:
    """A convolution itself; of a linear layer one with a kernel of one pixel and the same weights, not copied."""
    if isinstance(layer, nn.Conv2d):
        return layer
    assert isinstance(layer, nn.Linear), type(layer).__name__
    made = nn.Conv2d(layer.in_features, layer.out_features, 1, bias=layer.bias is not None, device="meta")
    with torch.no_grad():
        made.weight = nn.Parameter(layer.weight.detach()[:, :, None, None], requires_grad=False)
    made.bias = layer.bias
    return made
