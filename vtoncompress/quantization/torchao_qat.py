"""INT8 convolutions by torchao, trained with the losses of fine-tuning while they round: quantization-aware training.

It begins with what ``torchao_ptq`` finds. Each convolution of the scope gets torchao's fake quantizers, and the
training of ``quantization.training`` (a choice of conf/finetuning, with or without a teacher) runs on that network as
on any other; the ranges of activations follow the first pairs and then stay, batch norms keep their statistics. The
result is integer convolutions, as of ``torchao_ptq``.
When to pick it: where post-training INT8 loses more than the budget allows; it takes as long as fine-tuning, and more.
What breaks it: a high learning rate, for the network is trained already (1e-4 here, a fifth of fine-tuning's); several
processes, which would exchange checkpoints of a network that no checkpoint holds.
Measured (results/quantization_modes): openvino 4.4 MiB of 11.2, 0.70 of the time (disturbed), garment SSIM 0.810 (3
runs, 0.805 to 0.815) of 0.779.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.data.rest import rest_of
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.fake_quantized import FakeQuantizer, check_training, fake_quantize, freeze_layers
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.torchao_options import TorchAOOptions
from vtoncompress.quantization.torchao_quantizers import InputQuantizer, WeightQuantizer


class TorchAOQuantizationAwareTraining(Quantization):
    """Training of a network whose convolutions round.

    Args:
        preset, range_estimator, granularity: see :class:`vtoncompress.quantization.torchao_options.TorchAOOptions`;
            of the ranges that training begins with.
        training: what is minimised, and how; its budget included.
        skip: training pairs to leave out first.
        range_samples: training pairs that the ranges of activations follow; 0 leaves them as calibration found them.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: torchao isn't installed, an unknown choice, or a training that can't be done so.
    """

    runtimes = frozenset({"torch", "torch_compile", "openvino", "onnxruntime"})

    def __init__(
        self,
        preset: str,
        range_estimator: str,
        granularity: str,
        training: Finetuning,
        skip: int,
        range_samples: int,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        self.options = TorchAOOptions("torchao_qat", preset, range_estimator, granularity)
        if range_samples < 0:
            raise ValueError(f"quantization.range_samples={range_samples}: use 0 or more")
        self.training, self.skip, self.range_samples = training, skip, range_samples
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        """ValueError for layers or a training that don't fit the network."""
        quantized_layers(model, self.modules, self.float_layers)
        check_training(self.training, model)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """The network with integer convolutions. ValueError without calibration or training pairs."""
        if not material.calibration or material.training is None:
            raise ValueError("torchao_qat needs calibration and training pairs")
        assert material.work is not None
        trained = fold_batch_norms(model)
        layers = quantized_layers(trained, self.modules, self.float_layers)
        first = pt2e.integer_layers(trained, self.options.quantize(trained, layers, material.calibration))
        per_channel = self.options.granularity == "per_channel"
        quantizers: dict[str, tuple[FakeQuantizer, FakeQuantizer]] = {
            name: (InputQuantizer(layer.grid, self.range_samples), WeightQuantizer(per_channel, len(layer.scale)))
            for name, layer in first.items()
        }
        fake_quantize(trained, quantizers)
        trained.requires_grad_(True)
        told = self.training.train(trained, rest_of(material.training, self.skip), material.work, material.teacher)
        freeze_layers(trained)
        return trained, {"quantized_layers": len(layers), "training": told}
