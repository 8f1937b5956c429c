"""INT8 convolutions by ONNX Runtime's dynamic quantization: each call finds the ranges of its own activations.

Made for matrix products of language models, and here as what it is: smaller, not faster. No calibration is needed and
nothing outside the calibrated range can be cut off. But the range of each activation is searched in every call, and a
convolution becomes ConvInteger, which has one scale for all weights and isn't fused with bias and activation. Small
network, two threads: 20.4 ms instead of float32's 14.8, pictures off by 1.0 levels of 255. For speed take ort_static,
for a file as small, better pictures and float32's speed weight_int8.

What breaks it: channels of very different size, because all of a convolution's weights share one scale.

Measured (results/quantization_modes): onnxruntime 3.0 MiB of 10.4, 1.17 of the time (disturbed), garment SSIM 0.795 of
0.779.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.export.graph_edit import edited_graph
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import CONVOLUTIONS, module_of, quantized_layers
from vtoncompress.quantization.ort_static import quiet


class OnnxRuntimeDynamic(Quantization):
    """Dynamic quantization of an ONNX graph; weights have one scale for each convolution.

    Args:
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.
    """

    runtimes = frozenset({"onnxruntime"})
    calibrates = False

    def __init__(self, modules: Sequence[str], float_layers: Sequence[str], tolerance: float) -> None:
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        """Quantize the graph in ``folder``."""
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        layers = quantized_layers(model, self.modules, self.float_layers)
        with edited_graph(folder, runtime) as graph:
            nodes = [name for name, kind in graph.kinds.items() if kind in CONVOLUTIONS and module_of(name) in layers]
            with tempfile.TemporaryDirectory() as work, quiet():
                target = Path(work) / "quantized.onnx"
                # ConvInteger takes signed weights only beside signed activations, which it doesn't have on a CPU.
                quantize_dynamic(graph.proto, target, weight_type=QuantType.QUInt8, nodes_to_quantize=nodes)
                graph.proto = onnx.load(target)
        return {"quantized_layers": len(layers)}
