"""Convolutions and linear layers in INT8, the rest in bfloat16 or float32; for models that work in steps, on OpenVINO.

To pick where attention must stay precise and every step must be fast: nearly all of a diffusion network's sums are in
its convolutions and linear layers, and what lies between them (attention's own products, norms, activations) is worth
more than 8 bits. ``nncf_ptq`` rounds some of that too.

What Optimum-Intel calls hybrid is ``linears=weights``: linear layers keep their inputs in floating point and have only
their weights in INT8, so that SmoothQuant has nothing to do; convolutions are INT8 altogether.

``rest=bfloat16`` is written into the graph's file, and OpenVINO is told when it is opened; on a CPU without bfloat16 it
runs in float32 all the same. What breaks it: too few calibration steps, for activations of early and late steps differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from vtoncompress.export.openvino_ir import set_precision
from vtoncompress.export.openvino_storage import store_weights
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import float_nodes, quantized_layers
from vtoncompress.quantization.nncf_options import NNCFOptions, check_smooth_quant
from vtoncompress.quantization.parts import edited_parts
from vtoncompress.quantization.replacement import as_convolution

LINEARS = ("int8", "weights")
RESTS = {"bfloat16": "bf16", "float32": "f32"}


class Hybrid(Quantization):
    """INT8 layers within a graph of floating point.

    Args:
        linears: ``int8`` rounds inputs and weights of linear layers, ``weights`` the weights alone.
        rest: ``bfloat16`` or ``float32``, in which all else is computed.
        preset, bias_correction, range_estimator, granularity: see
            :class:`vtoncompress.quantization.nncf_options.NNCFOptions`.
        smooth_quant: of linear layers in ``int8``, see
            :func:`vtoncompress.quantization.nncf_options.check_smooth_quant`.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown choice.
    """

    runtimes = frozenset({"openvino"})
    step_runtimes = frozenset({"openvino"})

    def __init__(
        self,
        linears: str,
        rest: str,
        preset: str,
        bias_correction: bool,
        range_estimator: str,
        granularity: str,
        smooth_quant: float,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        for name, value, choices in (("linears", linears, LINEARS), ("rest", rest, tuple(RESTS))):
            if value not in choices:
                raise ValueError(f"unknown quantization.{name}={value}: choose one of {', '.join(choices)}")
        check_smooth_quant(smooth_quant)
        self.options = NNCFOptions(preset, bias_correction, range_estimator, granularity)
        self.linears, self.rest, self.smooth_quant = linears, rest, smooth_quant
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        if not isinstance(model, StepwiseModel):
            raise ValueError(
                "quantization=hybrid is for models that work in steps, such as cat_vton: use nncf_ptq, which leaves "
                "all but convolutions in float32"
            )
        quantized_layers(model, self.modules, self.float_layers)

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        counts = {}
        for part, own, graph in edited_parts(folder, runtime, layers):
            linears = [name for name in own if isinstance(model.get_submodule(name), nn.Linear)]
            integers, smooth = own, self.smooth_quant
            if self.linears == "weights":
                store_weights(graph.proto, {name: _in_int8(model.get_submodule(name)) for name in linears})
                integers, smooth = [name for name in own if name not in set(linears)], -1.0
            samples = material.trajectories[part]
            if integers:
                kept = float_nodes(graph.kinds, integers)
                graph.proto = self.options.quantize(graph.proto, kept, samples, smooth)
            set_precision(graph.proto, RESTS[self.rest])
            counts[part] = {"layers": len(own), "linears": len(linears), "calibration": len(samples)}
        return {"quantized_layers": len(layers), "parts": counts}


def _in_int8(layer: nn.Module) -> WeightOnlyConv2d:
    return WeightOnlyConv2d.of(as_convolution(layer), "int8")
