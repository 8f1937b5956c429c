"""INT8 convolutions by torchao, trained with the losses of fine-tuning while they round: quantization-aware training.

It begins with what ``torchao_ptq`` finds. Each convolution of the scope gets torchao's fake quantizers, and the
training of ``quantization.training`` (a choice of conf/finetuning, with or without a teacher) runs on that network as
on any other; the ranges of activations follow the first pairs and then stay, batch norms keep their statistics. The
result is integer convolutions, as of ``torchao_ptq``.
When to pick it: where post-training INT8 loses more than the budget allows; it takes as long as fine-tuning, and more.
What breaks it: a high learning rate, for the network is trained already (1e-4 here, a fifth of fine-tuning's); several
processes, which would exchange checkpoints of a network that no checkpoint holds.
Measured: see docs/quantization.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.finetuning.distillation import Distillation
from vtoncompress.finetuning.supervised import Supervised
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.fake_quantized import fake_quantized, integers
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.torchao_options import TorchAOOptions


class TorchAOQuantizationAwareTraining(Quantization):
    """Training of a network whose convolutions round.

    Args:
        preset, range_estimator, granularity: see :class:`vtoncompress.quantization.torchao_options.TorchAOOptions`;
            of the ranges that training begins with.
        training: what is minimised, and how; its budget included.
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
        training: Supervised | Distillation,
        range_samples: int,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        self.options = TorchAOOptions("torchao_qat", preset, range_estimator, granularity)
        if not isinstance(training, Supervised | Distillation):
            raise ValueError("quantization.training must train: choose supervised or distillation")
        if training.loop.processes > 1:
            raise ValueError(
                f"quantization.training.processes={training.loop.processes}: torchao_qat trains in one process; use 1, "
                "and quantization.training.accumulation for less memory"
            )
        if training.loop.batch_norm_pairs:
            raise ValueError(
                f"quantization.training.batch_norm_pairs={training.loop.batch_norm_pairs}: torchao_qat keeps the "
                "statistics of batch norms; use 0"
            )
        if range_samples < 0:
            raise ValueError(f"quantization.range_samples={range_samples}: use 0 or more")
        self.training, self.range_samples = training, range_samples
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        quantized_layers(model, self.modules, self.float_layers)
        self.training.check(model)

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """The network with integer convolutions. ValueError without calibration or training pairs."""
        if not material.calibration or material.training is None:
            raise ValueError("torchao_qat needs calibration and training pairs")
        assert material.work is not None
        model = fold_batch_norms(model)
        layers = quantized_layers(model, self.modules, self.float_layers)
        first = pt2e.integer_layers(model, self.options.quantize(model, layers, material.calibration))
        grids = {name: layer.grid for name, layer in first.items()}
        student = fake_quantized(model, grids, self.options.granularity == "per_channel", self.range_samples)
        told = self.training.train(student, material.training, material.work, material.teacher)
        return integers(student), {"quantized_layers": len(layers), "training": told}
