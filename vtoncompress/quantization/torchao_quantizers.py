"""torchao's fake quantizers of a convolution that is trained: one of its input, one of its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vtoncompress.model.integer_convolution import LEVELS, Grid
from vtoncompress.quantization.fake_quantized import FakeQuantizer, Levels

AVERAGING = 0.01
"""Share that a batch has in the range of an activation, as torch.ao chose it."""


class InputQuantizer(FakeQuantizer):
    """Of features, unsigned, one grid for all channels.

    Its range begins as ``grid`` and follows the training's first ``range_samples`` pairs as a moving average, then
    stays; how many it has seen is a buffer, so that a training that was killed goes on alike.

    Args:
        grid: unsigned.
        range_samples: 0 leaves ``grid`` as it is.
    """

    seen: Tensor

    def __init__(self, grid: Grid, range_samples: int) -> None:
        from torchao.quantization.pt2e import FusedMovingAvgObsFakeQuantize, MovingAverageMinMaxObserver

        super().__init__()
        assert not grid.signed
        self.grid_levels, self.range_samples = grid.levels, range_samples
        self.quantizer: Any = FusedMovingAvgObsFakeQuantize(
            MovingAverageMinMaxObserver,
            *grid.levels,
            dtype=torch.uint8,
            qscheme=torch.per_tensor_affine,
            averaging_constant=AVERAGING,
        )
        low, high = ((level - grid.zero_point) * grid.scale for level in grid.levels)
        self.quantizer.activation_post_process.min_val.fill_(low)
        self.quantizer.activation_post_process.max_val.fill_(high)
        self.quantizer.scale.fill_(grid.scale)
        self.quantizer.zero_point.fill_(grid.zero_point)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, values: Tensor) -> Tensor:
        learns = self.training and torch.is_grad_enabled()
        if learns:
            self.seen += len(values)
        self.quantizer.enable_observer(bool(learns and self.seen <= self.range_samples))
        rounded: Tensor = self.quantizer(values)
        return rounded

    def levels(self) -> Levels:
        return Levels(self.quantizer.scale, self.quantizer.zero_point, *self.grid_levels)


class WeightQuantizer(FakeQuantizer):
    """Of weights, whose range is always their own.

    Args:
        per_channel: whether each output channel has a scale of its own.
        width: output channels.
    """

    def __init__(self, per_channel: bool, width: int) -> None:
        from torchao.quantization.pt2e import (
            FusedMovingAvgObsFakeQuantize,
            MovingAverageMinMaxObserver,
            MovingAveragePerChannelMinMaxObserver,
        )

        super().__init__()
        self.quantizer: Any = FusedMovingAvgObsFakeQuantize(
            MovingAveragePerChannelMinMaxObserver if per_channel else MovingAverageMinMaxObserver,
            *LEVELS,
            dtype=torch.int8,
            qscheme=torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric,
            averaging_constant=1.0,
            **({"ch_axis": 0} if per_channel else {}),
        )
        if per_channel:  # of their final shape at once, for checkpoints
            for tensor in (self.quantizer.scale, self.quantizer.zero_point):
                tensor.resize_(width).zero_()
            self.quantizer.activation_post_process.min_val.resize_(width).fill_(float("inf"))
            self.quantizer.activation_post_process.max_val.resize_(width).fill_(float("-inf"))

    def forward(self, values: Tensor) -> Tensor:
        rounded: Tensor = self.quantizer(values)
        return rounded

    def levels(self) -> Levels:
        """Those of the weights that came last."""
        return Levels(self.quantizer.scale, self.quantizer.zero_point, *LEVELS)
