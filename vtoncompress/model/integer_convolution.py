"""A convolution of 8-bit integers: what every way of quantizing a torch module ends in, and every runtime reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = (-128, 127)
PIXEL = 1 / 127.5
"""The step of a picture's numbers in -1..1."""
OFF_TIES = 1e-3


@dataclass(frozen=True)
class Grid:
    """The 256 numbers that an activation may have: ``scale * (level - zero_point)``, level in 0..255 or -128..127.

    Raises:
        ValueError: a scale that is not above 0, or a zero point that is no level.
    """

    scale: float
    zero_point: int
    signed: bool

    def __post_init__(self) -> None:
        low, high = self.levels
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"the scale of a quantized activation is {self.scale}: it must be above 0")
        if not low <= self.zero_point <= high:
            raise ValueError(f"the zero point of a quantized activation is {self.zero_point}: use {low} to {high}")

    @property
    def levels(self) -> tuple[int, int]:
        return LEVELS if self.signed else (0, 255)

    def off_ties(self) -> Grid:
        """The same grid, or one a thousandth wider where its step is that of a picture's pixels.

        From -1 in such steps every pixel lies halfway between two levels, and which one it becomes is up to the last
        bit of a runtime's division: torch and OpenVINO differed by 1.2 levels of 255 in the mean.
        """
        near = abs(self.scale / PIXEL - 1) < OFF_TIES / 2
        return replace(self, scale=PIXEL * (1 + OFF_TIES)) if near else self


class IntegerConv2d(nn.Module):
    """Input rounded to a grid, weights to 8 bits with a scale for each output channel; sums and bias are exact.

    :meth:`forward` says it in torch's fake quantization, which eager torch computes in float32 and exporters turn into
    what their runtimes compute in integers.

    Args:
        weight: (O, I / groups, kh, kw) int8.
        scale: (O,) float32, above 0.
        bias: (O,) float32 or None.
        grid: of the input.
        geometry: ``stride``, ``padding``, ``dilation``, ``groups`` as ``F.conv2d`` takes them.
    """

    weight: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None

    def __init__(
        self, weight: Tensor, scale: Tensor, bias: Tensor | None, grid: Grid, geometry: Mapping[str, Any]
    ) -> None:
        super().__init__()
        assert weight.dtype == torch.int8, weight.dtype
        assert scale.shape == weight.shape[:1], scale.shape
        self.grid, self.geometry = grid, dict(geometry)
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)
        self.register_buffer("zero_point", torch.zeros(len(scale), dtype=torch.int32), persistent=False)

    @classmethod
    def of(cls, layer: nn.Conv2d, scale: Tensor, grid: Grid) -> IntegerConv2d:
        """``layer`` with its weights rounded to ``scale`` (O,)."""
        if layer.padding_mode != "zeros":
            raise ValueError(f"a convolution with padding_mode={layer.padding_mode} can't be quantized")
        levels = torch.round(layer.weight.detach() / scale.view(-1, 1, 1, 1)).clamp(*LEVELS)
        bias = None if layer.bias is None else layer.bias.detach().clone()
        return cls(levels.to(torch.int8), scale.detach().clone().float(), bias, grid, geometry_of(layer))

    def arguments(self) -> dict[str, Any]:
        """What :meth:`empty` must be called with to make one of this shape, as JSON values."""
        return {
            "shape": list(self.weight.shape),
            "bias": self.bias is not None,
            "grid": [self.grid.scale, self.grid.zero_point, self.grid.signed],
            "geometry": {name: list(v) if isinstance(v, tuple) else v for name, v in self.geometry.items()},
        }

    @classmethod
    def empty(cls, shape: list[int], bias: bool, grid: list[Any], geometry: Mapping[str, Any]) -> IntegerConv2d:
        """One whose tensors are still to be loaded."""
        width = shape[0]
        return cls(
            torch.zeros(shape, dtype=torch.int8),
            torch.ones(width),
            torch.zeros(width) if bias else None,
            Grid(float(grid[0]), int(grid[1]), bool(grid[2])),
            {name: tuple(v) if isinstance(v, list) else v for name, v in geometry.items()},
        )

    def float_weight(self) -> Tensor:
        """(O, I / groups, kh, kw) float32, the numbers that the integers stand for."""
        return self.weight.float() * self.scale.view(-1, 1, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        features = torch.fake_quantize_per_tensor_affine(
            features, self.grid.scale, self.grid.zero_point, *self.grid.levels
        )
        # Rounding what is round already changes nothing; it tells exporters that these are integers.
        weight = torch.fake_quantize_per_channel_affine(self.float_weight(), self.scale, self.zero_point, 0, *LEVELS)
        return F.conv2d(features, weight, self.bias, **self.geometry)


def move_off_ties(model: nn.Module) -> None:
    """Change the grids of all integer convolutions of ``model`` to :meth:`Grid.off_ties`, in place."""
    for layer in model.modules():
        if isinstance(layer, IntegerConv2d):
            layer.grid = layer.grid.off_ties()


def geometry_of(layer: nn.Conv2d) -> dict[str, Any]:
    """How a convolution walks over its input, as ``F.conv2d`` takes it."""
    return {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": layer.groups}


def replace_layers(model: nn.Module, layers: Mapping[str, nn.Module]) -> None:
    """Put ``layers`` into ``model`` under their dotted names, in place."""
    for name, layer in layers.items():
        parent, _, leaf = name.rpartition(".")
        model.get_submodule(parent).register_module(leaf, layer)
