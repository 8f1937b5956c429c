"""What computes a correlation, ready to be timed: the published forms, ours, and ours in an OpenVINO graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.export.openvino_ir import EXECUTION_PRECISION, disable_telemetry
from vtoncompress.export.tracing import quiet
from vtoncompress.model.pf_afn.correlation import (
    DISPLACEMENT,
    banded_correlation,
    compiled_correlation,
    correlation,
)

LOOP, LOOP_ANEW, IM2COL, UNFOLD, OURS = "loop", "loop_anew", "im2col", "unfold", "ours"
OPENVINO, CHANNELS_LAST = "openvino", "openvino_channels_last"
NAMES = {
    LOOP: "the seed's loop, memory kept",
    LOOP_ANEW: "the seed's loop, memory taken anew",
    IM2COL: "the seed's im2col",
    UNFOLD: "plain unfold",
    OURS: "ours, eager",
    OPENVINO: "ours in OpenVINO",
    CHANNELS_LAST: "the same, features as convolutions leave them",
}


@dataclass(frozen=True)
class Level:
    """A pyramid level: channels, height and width of its features."""

    channels: int
    height: int
    width: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of its correlation."""
        return self.channels * (2 * DISPLACEMENT + 1) ** 2 * self.height * self.width

    @property
    def megabytes(self) -> float:
        """What has to be read and written at least: both maps and the result, in float32, in 10^6 bytes."""
        return 4e-6 * (2 * self.channels + (2 * DISPLACEMENT + 1) ** 2) * self.height * self.width

    def features(self) -> tuple[Tensor, Tensor]:
        """A pair of (1, C, H, W), random, the same ones every time."""
        generator = torch.Generator().manual_seed(0)
        first, second = (torch.randn(1, self.channels, self.height, self.width, generator=generator) for _ in range(2))
        return first, second


def pyramid_levels(channels: int, size: tuple[int, int], levels: int) -> list[Level]:
    """Those of a picture of ``size`` (height, width), finest first: each half of the one before, the first of it."""
    return [Level(channels, size[0] >> level, size[1] >> level) for level in range(1, levels + 1)]


def im2col(first: Tensor, second: Tensor) -> Tensor:
    """A column for each pixel, of all that its window reaches, times the pixel: one matrix product a pixel."""
    samples, channels, height, width = first.shape
    window = 2 * DISPLACEMENT + 1
    columns = F.unfold(second, window, padding=DISPLACEMENT).reshape(samples, channels, window**2, height * width)
    pixels = first.reshape(samples, channels, 1, height * width)
    cost = pixels.permute(0, 3, 2, 1) @ columns.permute(0, 3, 1, 2)
    return cost.permute(0, 2, 3, 1).reshape(samples, window**2, height, width)


def unfold(first: Tensor, second: Tensor) -> Tensor:
    """The same columns multiplied elementwise and summed."""
    samples, channels, height, width = first.shape
    window = 2 * DISPLACEMENT + 1
    columns = F.unfold(second, window, padding=DISPLACEMENT).reshape(samples, channels, window**2, height, width)
    return (first.unsqueeze(2) * columns).sum(1)


class _Banded(nn.Module):
    """Of features (N, C, H, W) or, as convolutions in OpenVINO give and take them, (N, H, W, C)."""

    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        if self.channels_last:
            first, second = first.permute(0, 3, 1, 2), second.permute(0, 3, 1, 2)
        return banded_correlation(first, second)


def in_openvino(level: Level, threads: int, channels_last: bool = False) -> Callable[[Tensor, Tensor], Any]:
    """The banded form as a compiled graph of its own, in float32.

    With ``channels_last`` the call is for the level's own features, which lie ready in that order.
    """
    disable_telemetry()
    import openvino

    features: tuple[Tensor, ...] = level.features()
    if channels_last:
        features = tuple(feature.permute(0, 2, 3, 1).contiguous() for feature in features)
    with quiet():
        graph = openvino.convert_model(
            _Banded(channels_last), example_input=features, input=[list(feature.shape) for feature in features]
        )
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": EXECUTION_PRECISION,
        "INFERENCE_NUM_THREADS": threads,
    }
    request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()

    def call(first: Tensor, second: Tensor) -> Any:
        one, other = features if channels_last else (first, second)
        return request.infer({0: one.numpy(), 1: other.numpy()}, share_inputs=True, share_outputs=True)[0]

    return call


def candidates(level: Level, threads: int) -> dict[str, Callable[[Tensor, Tensor], Any]]:
    """Every form that computes by itself, by name, for features of a level."""
    return {
        LOOP: correlation,
        IM2COL: im2col,
        UNFOLD: unfold,
        OURS: compiled_correlation,
        OPENVINO: in_openvino(level, threads),
        CHANNELS_LAST: in_openvino(level, threads, channels_last=True),
    }
