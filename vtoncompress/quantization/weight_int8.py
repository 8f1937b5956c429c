"""Weights stored as 8-bit integers and computed with in float32: a quarter of their bytes, no faster.

To pick where the file must be small, the pictures nearly the same, and nothing is known of the activations: no
calibration. Small network, one scale an output channel: pictures off by 0.24 levels of 255, flow by 0.02 pixels. Torch,
ONNX Runtime and OpenVINO compute with the same numbers: each widens them once, when the network is opened, so time and
memory are those of float32. For speed take nncf_ptq, whose file is as small and whose sums are integers.

Ours and not NNCF's, which rounds an OpenVINO graph nearly alike (a test compares them), but gives other numbers in each
of its three backends. The scale of a group is signed, so that its largest weight sits at -128. What breaks it: channels
with one huge weight; smaller groups then help.

Measured (results/quantization_modes): openvino 3.9 MiB of 11.2, 0.80 of the time (disturbed), garment SSIM 0.777 of
0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vtoncompress.model.base import TryOnModel
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d, check_group_size
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.replacement import with_replaced, with_stored_parts


class WeightInt8(Quantization):
    """8 bits and a share in a float16 scale for each weight of the scope.

    Args:
        group_size: how many weights of an output channel, input channels then kernel positions, share a scale: the
            nearest divisor of their number is taken; 0 or -1 for all of them.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: a group size below -1.
    """

    runtimes = frozenset({"torch", "torch_compile", "onnxruntime", "openvino"})
    step_runtimes = frozenset({"openvino"})
    calibrates = False

    def __init__(self, group_size: int, modules: Sequence[str], float_layers: Sequence[str], tolerance: float) -> None:
        check_group_size(group_size)
        self.group_size = group_size
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        made = with_replaced(model, layers, lambda layer: WeightOnlyConv2d.of(layer, "int8", self.group_size))
        return made, {"quantized_layers": len(layers)}

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        make = partial(WeightOnlyConv2d.of, format="int8", group_size=self.group_size)
        return with_stored_parts(folder, model, layers, make)
