"""INT8 convolutions by neural-compressor's static quantization (PT2E), on the torch module; no training.

What it does: neural-compressor traces the network, shows it the calibration pairs and rounds the convolutions of the
scope; its scales and zero points are read off into integer convolutions, which every runtime computes in INT8. Batch
norms are folded before, layers that make coordinates stay float32.
When to pick it: to compare with what neural-compressor gives, or to run INT8 in all runtimes from one checkpoint.
What breaks it: its estimators clip, and a clipped feature makes the correlation peak elsewhere. On 64 pairs, garment
SSIM .8352 in float32: .8378 with range_estimator=histogram, .8271 with moving_average, which goes by the first pairs;
.8317 and .8234 with preset=performance, which spends half of the levels after a ReLU on numbers that never come. In
eager torch it is slower than float32, because torch rounds there and then computes in float32.
Measured (results/quantization_modes): openvino 4.4 MiB of 11.2, 0.77 of the time (disturbed), garment SSIM 0.765 of
0.779; torch_compile 2.7 MiB of 10.3, 0.88 of the time, garment SSIM 0.765 of 0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.inc_options import INCOptions, loaded, need_inc, trace
from vtoncompress.quantization.layers import quantized_layers

MODE = "inc_static"


class INCStatic(Quantization):
    """Static INT8 by neural-compressor.

    Args:
        preset, range_estimator, granularity: see :class:`vtoncompress.quantization.inc_options.INCOptions`.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown choice, or no neural-compressor.
    """

    runtimes = frozenset({"torch", "torch_compile", "onnxruntime", "openvino"})

    def __init__(
        self,
        preset: str,
        range_estimator: str,
        granularity: str,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        need_inc(MODE)
        self.options = INCOptions(preset, range_estimator, granularity)
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """The network with integer convolutions. ValueError without calibration pairs."""
        if not material.calibration:
            raise ValueError(f"{MODE} needs calibration pairs")
        model = fold_batch_norms(model)
        layers = quantized_layers(model, self.modules, self.float_layers)
        with loaded(MODE):
            from neural_compressor.torch.quantization import convert, prepare

            graph = prepare(trace(model), self.options.static_config(model, layers))
            pt2e.calibrate(graph, material.calibration)
            integers = pt2e.integer_network(model, convert(graph))
        return integers, {"quantized_layers": len(layers)}
