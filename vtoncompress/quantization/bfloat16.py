"""Convolutions stored and computed in bfloat16, all else in float32: half the size, and faster where the CPU has it.

To pick on a CPU with AVX512-BF16 or AMX when INT8 costs too much quality; no calibration is needed. Inputs, weights and
results of the convolutions of the scope are rounded to 8 bits of mantissa. Those that make coordinates, correlation,
sampling grids and the adding up of flows stay float32: a grid in bfloat16 has steps of half a pixel at the border of a
picture of 128 columns. Small network, all convolutions but those of coordinates: pictures off by 0.23 levels of 255,
flow by 0.02 pixels; OpenVINO set to run everything in bfloat16 moves the flow by 0.14.

What is bfloat16 stands in the graph itself, as conversions around each convolution, so a deployed network needs no
setting and cannot be opened in another precision by mistake. The conversions cost some of the gain (8.5 ms where all in
bfloat16 takes 7.2 and float32 10.6). What breaks it: a CPU without such instructions, where it is slower than float32,
and ONNX Runtime, whose CPU provider has no bfloat16 convolution.

Of a model that works in steps each graph that holds layers of the scope runs in bfloat16 altogether, attention too: the
graph's file tells the runtime.
Measured (results/quantization_modes): openvino 6.2 MiB of 11.2, 0.88 of the time (disturbed), garment SSIM 0.782 of
0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.replacement import with_replaced, with_stored_parts


class BFloat16(Quantization):
    """Convolutions of the scope in bfloat16.

    Args:
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.
    """

    runtimes = frozenset({"torch", "torch_compile", "openvino"})
    step_runtimes = frozenset({"openvino"})
    calibrates = False

    def __init__(self, modules: Sequence[str], float_layers: Sequence[str], tolerance: float) -> None:
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)
        if isinstance(model, StepwiseModel) and self.float_layers:
            raise ValueError(
                "quantization.float_layers: a graph of a model that works in steps is in bfloat16 altogether: choose "
                "graphs by quantization.scope, or use quantization=hybrid quantization.rest=float32"
            )

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        return with_replaced(model, layers, BFloat16Conv2d.of), {"quantized_layers": len(layers)}

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        return with_stored_parts(folder, model, layers, BFloat16Conv2d.of, "bf16")
