"""INT8 convolutions by NNCF, trained with their rounding: the losses and the teacher of our fine-tuning.

The most that INT8 can keep, at the price of a training. It begins where post-training quantization ends (NNCF finds the
ranges on calibration pairs), and then weights and ranges learn together; gradients pass the rounding as if it weren't
there. Pick it when post-training INT8 loses too much: narrow or strongly pruned networks, per-tensor scales. The result
is a network of integers that every runtime opens without NNCF.

What breaks it: a learning rate as high as fine-tuning's (ranges run away from their calibration), and very few samples
(post-training quantization is then the better one). ``mixed_precision=bf16`` is for all else in the network: what
rounds to 8 bits computes in float32. One process, for the quantizers are in no checkpoint that others could open.
Measured (results/quantization_modes): openvino 4.4 MiB of 11.2, 0.76 of the time (disturbed), garment SSIM 0.813 (3
runs, 0.812 to 0.815) of 0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.data.rest import rest_of
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.fake_quantized import check_training, fake_quantize, freeze_layers
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.nncf_options import NNCFOptions


class NNCFQuantizationAwareTraining(Quantization):
    """Quantization-aware training of the torch module.

    Args:
        preset, range_estimator, granularity: where training begins; see
            :class:`vtoncompress.quantization.nncf_options.NNCFOptions`.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        training: how it is trained.
        skip: training pairs to leave out first.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown choice.
    """

    runtimes = frozenset({"torch", "torch_compile", "onnxruntime", "openvino"})

    def __init__(
        self,
        preset: str,
        range_estimator: str,
        granularity: str,
        modules: Sequence[str],
        float_layers: Sequence[str],
        training: Finetuning,
        skip: int,
        tolerance: float,
    ) -> None:
        self.options = NNCFOptions(preset, False, range_estimator, granularity)
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.training, self.skip, self.tolerance = training, skip, tolerance

    def check(self, model: TryOnModel) -> None:
        """ValueError for layers or a training that don't fit the network."""
        quantized_layers(model, self.modules, self.float_layers)
        check_training(self.training, model)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """Train, and freeze into integers. ValueError without calibration pairs."""
        from vtoncompress.quantization.nncf_quantizers import calibrated_quantizers

        if not material.calibration:
            raise ValueError("nncf_qat needs calibration pairs")
        assert material.training is not None
        assert material.work is not None
        self.check(model)
        layers = quantized_layers(model, self.modules, self.float_layers)
        trained = fold_batch_norms(model)
        fake_quantize(trained, calibrated_quantizers(trained, layers, self.options, material.calibration))
        trained.requires_grad_(True)
        told = self.training.train(trained, rest_of(material.training, self.skip), material.work, material.teacher)
        freeze_layers(trained)
        return trained, {"quantized_layers": len(layers), "training": told}
