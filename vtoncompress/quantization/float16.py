"""Weights stored as float16 and computed with in float32: half the size, the same speed, the same pictures.

To pick where size counts and nothing may be risked: small network, all convolutions but those of coordinates, the
pictures differ by 0.005 levels of 255 and the flow by 0.0002 pixels. Torch, ONNX Runtime and OpenVINO compute with the
same numbers: each widens them once, when the network is opened, so it takes as much memory as before.

It gains no speed on a CPU without float16 arithmetic (AVX512-FP16, AMX-FP16), and a bfloat16 hint would lose what the
mantissa of float16 has more. What breaks it is a weight beyond 65504, which is cut to that; a folded batch norm of a
channel that hardly varies may make one, and the parity gate tells. Biases and coordinates stay float32.

Measured (results/quantization_modes): onnxruntime 5.4 MiB of 10.4, 0.94 of the time (disturbed), garment SSIM 0.779 of
0.779; openvino 6.2 MiB of 11.2, 1.04 of the time (disturbed), garment SSIM 0.779 of 0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.model.base import TryOnModel
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.replacement import with_replaced, with_stored_parts


class Float16(Quantization):
    """Half the bytes for each weight of the scope.

    Args:
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.
    """

    runtimes = frozenset({"torch", "torch_compile", "onnxruntime", "openvino"})
    step_runtimes = frozenset({"openvino"})
    calibrates = False

    def __init__(self, modules: Sequence[str], float_layers: Sequence[str], tolerance: float) -> None:
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        made = with_replaced(model, layers, lambda layer: WeightOnlyConv2d.of(layer, "float16"))
        return made, {"quantized_layers": len(layers)}

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        return with_stored_parts(folder, model, layers, lambda layer: WeightOnlyConv2d.of(layer, "float16"))
