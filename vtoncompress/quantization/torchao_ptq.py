"""INT8 convolutions by torchao (PT2E), from the ranges that activations take on some calibration pairs; no training.

The network is traced by ``torch.export``, torchao watches what enters the convolutions of the scope while the
calibration pairs pass, and its scales, zero points and rounded weights become integer convolutions of our own. So a
checkpoint of the result needs neither torchao nor a pickle, and every runtime opens it.
When to pick it: INT8 is to run under PyTorch (``export=torch_compile``), or one checkpoint is to serve all runtimes.
Slow in eager torch (``export=torch``), which rounds in float32 and gains nothing but size: that is the reference.
What breaks it: batch norms after a convolution whose result a residual connection uses too, which PT2E folds all the
same (worked around in :mod:`vtoncompress.quantization.pt2e`); ``range_estimator=histogram``, which clips features.
Measured (results/quantization_modes): openvino 4.4 MiB of 11.2, 0.71 of the time (disturbed), garment SSIM 0.779 of
0.779; torch_compile 2.7 MiB of 10.3, 0.58 of the time (disturbed), garment SSIM 0.779 of 0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.torchao_options import TorchAOOptions


class TorchAOPostTraining(Quantization):
    """Post-training quantization of the torch module.

    Args:
        preset, range_estimator, granularity: see :class:`vtoncompress.quantization.torchao_options.TorchAOOptions`.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: torchao isn't installed, or an unknown choice.
    """

    runtimes = frozenset({"torch", "torch_compile", "openvino", "onnxruntime"})

    def __init__(
        self,
        preset: str,
        range_estimator: str,
        granularity: str,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        self.options = TorchAOOptions("torchao_ptq", preset, range_estimator, granularity)
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """The network with integer convolutions. ValueError without calibration pairs."""
        if not material.calibration:
            raise ValueError("torchao_ptq needs calibration pairs")
        model = fold_batch_norms(model)
        layers = quantized_layers(model, self.modules, self.float_layers)
        quantized = pt2e.integer_network(model, self.options.quantize(model, layers, material.calibration))
        return quantized, {"quantized_layers": len(layers)}
