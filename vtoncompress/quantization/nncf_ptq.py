"""INT8 convolutions by NNCF, from the ranges that activations take on some calibration pairs; no training.

The convolutions of the scope run in INT8, but for those whose result is a coordinate; all else stays float32. NNCF left
alone also rounds sampling grids, to 256 steps for a whole picture, and the final blending: that costs quality and gains
no time, because nearly all of it goes into convolutions. Pick it first, with OpenVINO: minutes, and the fastest here.

Ranges reach to the very extremes that were seen, and biases are not corrected, because a feature that is clipped or
shifted makes the correlation peak elsewhere. A quarter-width network, garment SSIM .7225 in float32, on 64 pairs:
.7223 as here (flow off by 0.07 px), .7205 with bias correction (0.36 px), .7108 with extremes averaged over the samples
(0.38 px), .7104 with both (0.60 px), .6986 with NNCF's own choices (1.24 px).

For ONNX Runtime the file is as small, but the network is slower than in float32: its integer convolution wants a result
of 8 bits, and here only inputs and weights are rounded, so that 40 of 146 run in INT8. See ort_static.
A model that works in steps is quantized graph by graph, as NNCF does a transformer: every operation of the scope that
gains by it, linear layers with SmoothQuant, ranges from real denoising trajectories; see hybrid for fewer.
Measured (results/quantization_modes): onnxruntime 3.0 MiB of 10.4, 1.16 of the time, garment SSIM 0.779 of 0.779;
openvino 4.1 MiB of 11.2, 0.67 of the time (disturbed), garment SSIM 0.779, 0.793 (bias_correction=true,
range_estimator=mean_minmax), 0.782 (granularity=per_tensor) of 0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.export.graph_edit import edited_graph
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.feature_rounding import feature_ranges, round_features
from vtoncompress.quantization.layers import float_nodes, outside, quantized_layers, within
from vtoncompress.quantization.nncf_options import NNCFOptions, check_smooth_quant
from vtoncompress.quantization.parts import edited_parts


class NNCFPostTraining(Quantization):
    """Post-training quantization of an exported graph.

    Args:
        preset: ``mixed`` gives activations of both signs a zero point, ``performance`` none.
        bias_correction: take back the shift that rounding causes in the mean of a layer's results.
        range_estimator: see :data:`vtoncompress.quantization.nncf_options.RANGE_ESTIMATORS`.
        granularity: ``per_channel`` or ``per_tensor`` scales of the weights.
        round_features: whether features are rounded as well where they are sampled and compared, see
            :mod:`vtoncompress.quantization.feature_rounding`; OpenVINO's graphs only.
        smooth_quant: of models that work in steps, see
            :func:`vtoncompress.quantization.nncf_options.check_smooth_quant`.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown choice.
    """

    runtimes = frozenset({"openvino", "onnxruntime"})
    step_runtimes = frozenset({"openvino"})

    def __init__(
        self,
        preset: str,
        bias_correction: bool,
        range_estimator: str,
        granularity: str,
        smooth_quant: float,
        round_features: bool,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        check_smooth_quant(smooth_quant)
        self.options = NNCFOptions(preset, bias_correction, range_estimator, granularity)
        self.smooth_quant, self.round_features = smooth_quant, round_features
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        """Quantize the graphs in ``folder``. ValueError without calibration pairs."""
        layers = quantized_layers(model, self.modules, self.float_layers)
        if isinstance(model, StepwiseModel):
            return self._convert_steps(folder, runtime, layers, material)
        if not material.calibration:
            raise ValueError("nncf_ptq needs calibration pairs")
        with edited_graph(folder, runtime) as graph:
            readers = self._readers(model, runtime)
            ranges = feature_ranges(graph.proto, readers, material.calibration) if readers else {}
            graph.proto = self.options.quantize(graph.proto, float_nodes(graph.kinds, layers), material.calibration)
            if ranges:
                round_features(graph.proto, ranges)
        return {"quantized_layers": len(layers), "rounded_features": sum(map(len, ranges.values()))}

    def _readers(self, model: TryOnModel, runtime: str) -> list[str]:
        """Modules of the scope that are given rounded features."""
        if not self.round_features or runtime != "openvino":
            return []
        return [
            name
            for name in model.feature_readers()
            if within(name, self.modules) and not within(name, self.float_layers)
        ]

    def _convert_steps(self, folder: Path, runtime: str, layers: Sequence[str], material: Material) -> dict[str, Any]:
        """Every operation of the scope as NNCF sees fit, and not only ``layers``."""
        counts = {}
        for part, own, graph in edited_parts(folder, runtime, layers):
            kept = outside(graph.kinds, self.modules, self.float_layers)
            samples = material.trajectories[part]
            graph.proto = self.options.quantize(graph.proto, kept, samples, self.smooth_quant)
            counts[part] = {"layers": len(own), "calibration": len(samples)}
        return {"quantized_layers": len(layers), "parts": counts}
