<<<<<<< HEAD
"""A network whose convolutions round as integer ones do and still learn, by torchao's fake quantizers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
=======
"""A convolution that is trained with its numbers rounded, and that freezes into one of 8-bit integers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
>>>>>>> 411ef8c338ee397bdc7cfb17918603109aa41918

import torch
import torch.nn.functional as F
from torch import Tensor, nn

<<<<<<< HEAD
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import LEVELS, Grid, IntegerConv2d, geometry_of, replace_layers

AVERAGING = 0.01
"""Share that a batch has in the range of an activation, as torch.ao chose it."""


class FakeQuantizedConv2d(nn.Module):
    """A convolution with rounded input and weights, whose gradients pass the rounding as if it weren't there.

    The input's range begins as ``grid`` and follows the training's first ``range_samples`` pairs as a moving average,
    then stays; how many it has seen is a buffer, so that a training that was killed goes on alike. The weights' range
    is always that of the weights.

    Args:
        layer: without a batch norm to come.
        grid: of the input, unsigned.
        per_channel: whether each output channel's weights have a scale of their own.
        range_samples: 0 leaves ``grid`` as it is.
    """

    seen: Tensor

    def __init__(self, layer: nn.Conv2d, grid: Grid, per_channel: bool, range_samples: int) -> None:
        super().__init__()
        assert not grid.signed
        self.layer, self.range_samples = copy.deepcopy(layer), range_samples
        self.input, self.weight = _input_quantizer(grid), _weight_quantizer(per_channel, layer.out_channels)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, features: Tensor) -> Tensor:
        if self.training and torch.is_grad_enabled():
            self.seen += len(features)
        self.input.enable_observer(bool(self.training and torch.is_grad_enabled() and self.seen <= self.range_samples))
        # In bfloat16 the ranges would be rounded themselves. The convolution follows the training's precision.
        rounded = self.input(features.float())
        return F.conv2d(rounded, self.weight(self.layer.weight), self.layer.bias, **geometry_of(self.layer))

    def integer(self) -> IntegerConv2d:
        """What it has learned to be."""
        with torch.no_grad():
            self.weight(self.layer.weight)  # the scale of the last weights
        scale = self.weight.scale.expand(self.layer.out_channels)
        grid = Grid(float(self.input.scale), int(self.input.zero_point), signed=False)
        return IntegerConv2d.of(self.layer, scale, grid)


class FixedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm that learns its factors and keeps its statistics: ranges must mean the same when training ends."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps)
        self.load_state_dict(norm.state_dict())

    def train(self, mode: bool = True) -> FixedBatchNorm2d:
        """It is always in evaluation mode."""
        super().train(False)
        return self


def fake_quantized(model: TryOnModel, grids: Mapping[str, Grid], per_channel: bool, range_samples: int) -> TryOnModel:
    """A copy of ``model``, all of which learns, with a fake quantized convolution for each name in ``grids``."""
    model = copy.deepcopy(model).requires_grad_(True)
    layers: dict[str, nn.Module] = {
        name: FixedBatchNorm2d(norm) for name, norm in model.named_modules() if isinstance(norm, nn.BatchNorm2d)
    }
    for name, grid in grids.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), name
        layers[name] = FakeQuantizedConv2d(layer, grid, per_channel, range_samples)
    replace_layers(model, layers)
    return model


def integers(model: TryOnModel) -> TryOnModel:
    """A copy of a network that :func:`fake_quantized` made, trained since, with integer convolutions."""
    model = copy.deepcopy(model).eval().requires_grad_(False)
    layers: dict[str, nn.Module] = {}
    for name, layer in model.named_modules():
        if isinstance(layer, FakeQuantizedConv2d):
            layers[name] = layer.integer()
        elif isinstance(layer, FixedBatchNorm2d):
            layers[name] = nn.BatchNorm2d(layer.num_features, layer.eps).eval()
            layers[name].load_state_dict(layer.state_dict())
    replace_layers(model, layers)
    return model.requires_grad_(False)


def _input_quantizer(grid: Grid) -> Any:
    from torchao.quantization.pt2e import FusedMovingAvgObsFakeQuantize, MovingAverageMinMaxObserver

    quantizer = FusedMovingAvgObsFakeQuantize(
        MovingAverageMinMaxObserver,
        *grid.levels,
        dtype=torch.uint8,
        qscheme=torch.per_tensor_affine,
        averaging_constant=AVERAGING,
    )
    low, high = ((level - grid.zero_point) * grid.scale for level in grid.levels)
    quantizer.activation_post_process.min_val.fill_(low)
    quantizer.activation_post_process.max_val.fill_(high)
    quantizer.scale.fill_(grid.scale)
    quantizer.zero_point.fill_(grid.zero_point)
    return quantizer


def _weight_quantizer(per_channel: bool, width: int) -> Any:
    from torchao.quantization.pt2e import (
        FusedMovingAvgObsFakeQuantize,
        MovingAverageMinMaxObserver,
        MovingAveragePerChannelMinMaxObserver,
    )

    quantizer = FusedMovingAvgObsFakeQuantize(
        MovingAveragePerChannelMinMaxObserver if per_channel else MovingAverageMinMaxObserver,
        *LEVELS,
        dtype=torch.int8,
        qscheme=torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric,
        averaging_constant=1.0,
        **({"ch_axis": 0} if per_channel else {}),
    )
    if per_channel:  # of their final shape at once, for checkpoints
        for tensor in (quantizer.scale, quantizer.zero_point):
            tensor.resize_(width).zero_()
        quantizer.activation_post_process.min_val.resize_(width).fill_(float("inf"))
        quantizer.activation_post_process.max_val.resize_(width).fill_(float("-inf"))
    return quantizer
=======
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
        """What :meth:`forward` rounds to now."""


class FakeQuantizedConv2d(nn.Module):
    """A convolution whose input and weights are rounded on every call; it takes the place of ``layer`` in a network.

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
        # In float32 under autocast too: bfloat16 is coarser than the upper half of 256 levels.
        return F.conv2d(self.of_input(features.float()), self.of_weight(self.weight), self.bias, **self.geometry)

    @torch.no_grad()
    def frozen(self) -> IntegerConv2d:
        """The same in integers: its results differ from those in evaluation mode by the rounding of float32 only."""
        of_weight, of_input = self.of_weight.levels(), self.of_input.levels()
        assert not of_weight.zero_point.any(), "weights have no zero point"
        scale = of_weight.scale.float().expand(len(self.weight)).clone()
        integers = torch.round(self.of_weight(self.weight) / scale.view(-1, 1, 1, 1))
        bias = None if self.bias is None else self.bias.detach().clone()
        grid = Grid(float(of_input.scale), int(of_input.zero_point), signed=of_input.low < 0)
        return IntegerConv2d(
            integers.clamp(of_weight.low, of_weight.high).to(torch.int8), scale, bias, grid, self.geometry
        )


def fake_quantize(model: nn.Module, quantizers: Mapping[str, tuple[FakeQuantizer, FakeQuantizer]]) -> None:
    """Put a :class:`FakeQuantizedConv2d` in place of every convolution that has quantizers, of input and weights."""
    layers: dict[str, nn.Module] = {}
    for name, (of_input, of_weight) in quantizers.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), name
        layers[name] = FakeQuantizedConv2d(layer, of_input, of_weight)
    replace_layers(model, layers)


def freeze_layers(model: nn.Module) -> None:
    """Put integers in place of every :class:`FakeQuantizedConv2d` of ``model``, and leave nothing to train."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, FakeQuantizedConv2d)}
    replace_layers(model, {name: layer.frozen() for name, layer in layers.items()})
    model.eval().requires_grad_(False)


def check_training(training: Finetuning, model: TryOnModel) -> None:
    """ValueError where a training doesn't fit the network, or would hand it to other processes as a checkpoint."""
    training.check(model)
    if isinstance(training, Supervised | Distillation) and training.loop.processes > 1:
        raise ValueError(
            f"quantization.training.processes={training.loop.processes}: quantization-aware training runs in one "
            "process; set quantization.training.processes=1"
        )
>>>>>>> 411ef8c338ee397bdc7cfb17918603109aa41918
