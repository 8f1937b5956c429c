"""Weights stored as 4-bit integers and computed with in float32: an eighth of their bytes, no faster.

To pick where every byte of the file counts and a visible trace is accepted. Time and memory are those of float32, as
with weight_int8. Toolkits have none of this for convolutions: NNCF keeps them in 8 bits when asked for 4.

Sixteen numbers for a whole output channel are too few, so groups of weights share a scale, and of the scales near the
one that fits a group's largest weight the one with the least squared error is taken. Small convolutions, the first and
last ones, hold few weights and most of the harm: those below 1/500 of the scope's weights, 6 % together, are stored in
8 bits. Small network, groups of 64, in mean levels of 255 and pixels of flow: 5.0 and 2.3 with everything in 4 bits
scaled by the largest weight, 0.52 and 0.20 as here;
2.7 MiB instead of 17.7. A few pixels are far off (110 levels). What breaks it: very narrow networks,
whose every convolution is small.

Measured (results/quantization_modes): openvino 2.8 MiB of 11.2, 1.06 of the time (disturbed), garment SSIM 0.778 of
0.779.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from vtoncompress.model.base import TryOnModel
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d, check_group_size
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.replacement import as_convolution, with_replaced, with_stored_parts

SMALL = 1 / 500
"""Share of the scope's weights below which a convolution is stored in 8 bits."""


class WeightInt4(Quantization):
    """4 bits, for small convolutions 8, and a share in a float16 scale for each weight of the scope.

    Args:
        group_size: how many weights of an output channel, input channels then kernel positions, share a scale: the
            nearest divisor of their number is taken; 0 or -1 for all of them. Where 8 bits are kept all share one.
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
        make, kept = self._maker(model, layers)
        return with_replaced(model, layers, make), {"quantized_layers": len(layers), "int8_layers": kept}

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        layers = quantized_layers(model, self.modules, self.float_layers)
        make, kept = self._maker(model, layers)
        return {**with_stored_parts(folder, model, layers, make), "int8_layers": kept}

    def _maker(self, model: TryOnModel, names: Sequence[str]) -> tuple[Callable[[nn.Conv2d], WeightOnlyConv2d], int]:
        """What rounds a layer, and how many of them are small and so kept in 8 bits."""
        sizes = [as_convolution(model.get_submodule(name)).weight.numel() for name in names]
        limit = SMALL * sum(sizes)

        def make(layer: nn.Conv2d) -> WeightOnlyConv2d:
            if layer.weight.numel() < limit:
                return WeightOnlyConv2d.of(layer, "int8")
            return WeightOnlyConv2d.of(layer, "int4", self.group_size)

        return make, sum(size < limit for size in sizes)
