"""A convolution that is trained with its numbers rounded, and that freezes into one of 8-bit integers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.distillation import Distillation
from vtoncompress.finetuning.supervised import Supervised
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import Grid, IntegerConv2d, geometry_of, replace_layers


@dataclass(frozen=True)
class Levels:
    """What a quantizer rounds to: ``scale * (level - zero_point)`` for whole levels ``low`` to ``high``.

    Attributes:
        scale: (1,), or (O,) with one for each output channel; above 0.
        zero_point: of the same shape, whole numbers.
        low, high: the smallest and the largest level.
    """

    scale: Tensor
    zero_point: Tensor
    low: int
    high: int


class FakeQuantizer(nn.Module, ABC):
    """Rounds numbers to levels that are learned with the weights: a toolkit's own quantizer behind one interface."""

    @abstractmethod
    def forward(self, values: Tensor) -> Tensor:
        """``values`` rounded, float32; gradients pass as if they weren't, and reach the ranges."""

    @abstractmethod
    def levels(self) -> Levels:
        """What :meth:`forward` rounded to the last time."""


class FakeQuantizedConv2d(nn.Module):
    """A convolution whose input and weights are rounded on every call; it takes the place of ``layer`` in a network.

    It computes in float32, under autocast too.

    Args:
        layer: trained on; its parameters become this one's.
        of_input, of_weight: quantizers, that of the weights without zero points.

    Raises:
        ValueError: a padding that integers can't have.
    """

    def __init__(self, layer: nn.Conv2d, of_input: FakeQuantizer, of_weight: FakeQuantizer) -> None:
        super().__init__()
        if layer.padding_mode != "zeros":
            raise ValueError(f"a convolution with padding_mode={layer.padding_mode} can't be quantized")
        self.weight, self.bias, self.geometry = layer.weight, layer.bias, geometry_of(layer)
        self.of_input, self.of_weight = of_input, of_weight

    def forward(self, features: Tensor) -> Tensor:
        # Autocast would round both sides and the sum to bfloat16, which is coarser than the upper half of 256 levels.
        with torch.autocast(features.device.type, enabled=False):
            return F.conv2d(self.of_input(features.float()), self.of_weight(self.weight), self.bias, **self.geometry)

    @torch.no_grad()
    def frozen(self) -> IntegerConv2d:
        """The same in integers: its results differ from those in evaluation mode by the rounding of float32 only."""
        rounded = self.of_weight(self.weight)
        of_weight, of_input = self.of_weight.levels(), self.of_input.levels()
        assert not of_weight.zero_point.any(), "weights have no zero point"
        scale = of_weight.scale.float().expand(len(self.weight)).clone()
        integers = torch.round(rounded / scale.view(-1, 1, 1, 1))
        bias = None if self.bias is None else self.bias.detach().clone()
        grid = Grid(float(of_input.scale), int(of_input.zero_point), signed=of_input.low < 0)
        return IntegerConv2d(
            integers.clamp(of_weight.low, of_weight.high).to(torch.int8), scale, bias, grid, self.geometry
        )


class FixedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm that learns its factors and keeps its statistics: ranges must mean the same when training ends."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps)
        self.load_state_dict(norm.state_dict())

    def train(self, mode: bool = True) -> FixedBatchNorm2d:
        """It is always in evaluation mode."""
        super().train(False)
        return self

    def ordinary(self) -> nn.BatchNorm2d:
        """The same as any other."""
        norm = nn.BatchNorm2d(self.num_features, self.eps)
        norm.load_state_dict(self.state_dict())
        return norm


def fake_quantize(model: nn.Module, quantizers: Mapping[str, tuple[FakeQuantizer, FakeQuantizer]]) -> None:
    """Make ``model`` one that trains with rounding, in place.

    Every convolution that has quantizers, of input and weights, becomes a :class:`FakeQuantizedConv2d`; batch norms
    that no convolution carries keep their statistics.
    """
    layers: dict[str, nn.Module] = {
        name: FixedBatchNorm2d(norm) for name, norm in model.named_modules() if isinstance(norm, nn.BatchNorm2d)
    }
    for name, (of_input, of_weight) in quantizers.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), name
        layers[name] = FakeQuantizedConv2d(layer, of_input, of_weight)
    replace_layers(model, layers)


def freeze_layers(model: nn.Module) -> None:
    """Undo :func:`fake_quantize`, with integers in place of what rounded; leave nothing to train."""
    layers: dict[str, nn.Module] = {}
    for name, layer in model.named_modules():
        if isinstance(layer, FakeQuantizedConv2d):
            layers[name] = layer.frozen()
        elif isinstance(layer, FixedBatchNorm2d):
            layers[name] = layer.ordinary()
    replace_layers(model, layers)
    model.eval().requires_grad_(False)


def check_training(training: Finetuning, model: TryOnModel) -> None:
    """ValueError where a training doesn't fit the network, or rounding."""
    if not isinstance(training, Supervised | Distillation):
        raise ValueError("quantization.training must train: choose finetuning@quantization.training=supervised")
    training.check(model)
    # Others are handed the network as a checkpoint, which holds no quantizers.
    if training.loop.processes > 1:
        raise ValueError(
            f"quantization.training.processes={training.loop.processes}: quantization-aware training runs in one "
            "process; use 1, and quantization.training.accumulation for less memory"
        )
    if training.loop.batch_norm_pairs:
        raise ValueError(
            f"quantization.training.batch_norm_pairs={training.loop.batch_norm_pairs}: quantization-aware training "
            "keeps the statistics of batch norms; use 0"
        )
