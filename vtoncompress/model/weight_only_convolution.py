"""A convolution whose weights are stored small and computed with in float32: a smaller file, no faster network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.model.integer_convolution import geometry_of
from vtoncompress.model.stored_convolution import StoredConv2d, check_padding, json_geometry, read_geometry

LOWEST = {"int8": -128, "int4": -8}
FORMATS = ("float16", *LOWEST)
STRETCHES = tuple(0.7 + 0.02 * step for step in range(21))
"""Of the scale of 4-bit integers; with 8 bits there is nothing to win."""


class WeightOnlyConv2d(StoredConv2d):
    """Weights as float16, or as integers with a float16 scale for each group of them.

    A group is ``group`` neighbours among the weights of one output channel, input channels and then kernel positions.
    Integers count from -2^(bits - 1) to 2^(bits - 1) - 1 and the scale carries a sign, so that the weight of largest
    size in a group is at the end that reaches further. A zero point for each group would take a twentieth off the error
    of int4 (0.0875 instead of 0.0922 of the weights' size, for groups of 64 in the small network) for 4 more bits a
    group: as much as slightly shorter groups give for the same bits.

    Args:
        weight: (O, I / groups, kh, kw) float16; (O, K / group, group) int8 where K = I / groups * kh * kw; or for int4
            those flat and packed into uint8, the first of two in the low half.
        scale: (O, K / group, 1) float16, None for float16.
        bias: (O,) float32 or None.
        shape: (O, I / groups, kh, kw).
        format: one of :data:`FORMATS`.
        geometry: ``stride``, ``padding``, ``dilation``, ``groups`` as ``F.conv2d`` takes them.
    """

    weight: Tensor
    scale: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        scale: Tensor | None,
        bias: Tensor | None,
        shape: tuple[int, ...],
        format: str,
        geometry: Mapping[str, Any],
    ) -> None:
        super().__init__()
        assert format in FORMATS, format
        assert (scale is None) == (format == "float16"), format
        self.shape, self.format, self.geometry = tuple(shape), format, dict(geometry)
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, layer: nn.Conv2d, format: str, group_size: int = -1) -> WeightOnlyConv2d:
        """``layer`` with its weights rounded.

        Args:
            layer: a convolution, padded with zeros.
            format: one of :data:`FORMATS`.
            group_size: about how many weights share a scale; see :func:`group_length`.
        """
        check_padding(layer)
        weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach().clone().float()
        shape, geometry = tuple(weight.shape), geometry_of(layer)
        if format == "float16":
            largest = torch.finfo(torch.float16).max
            return cls(weight.clamp(-largest, largest).half(), None, bias, shape, format, geometry)
        levels, scale = _round(weight.float().reshape(shape[0], -1, group_length(shape, group_size)), LOWEST[format])
        return cls(_pack(levels) if format == "int4" else levels, scale, bias, shape, format, geometry)

    def arguments(self) -> dict[str, Any]:
        """What :meth:`empty` must be called with to make one of this shape, as JSON values."""
        return {
            "shape": list(self.shape),
            "bias": self.bias is not None,
            "format": self.format,
            "scales": 0 if self.scale is None else self.scale.shape[1],
            "geometry": json_geometry(self.geometry),
        }

    @classmethod
    def empty(
        cls, shape: list[int], bias: bool, format: str, scales: int, geometry: Mapping[str, Any]
    ) -> WeightOnlyConv2d:
        """One whose tensors are still to be loaded."""
        assert format in FORMATS, f"unknown format {format}"
        width, count = shape[0], math.prod(shape)
        if format == "float16":
            weight = torch.zeros(shape, dtype=torch.float16)
        elif format == "int8":
            weight = torch.zeros((width, scales, count // width // scales), dtype=torch.int8)
        else:
            weight = torch.zeros((count + 1) // 2, dtype=torch.uint8)
        scale = torch.ones((width, scales, 1), dtype=torch.float16) if scales else None
        tensors = weight, scale, torch.zeros(width) if bias else None
        return cls(*tensors, tuple(shape), format, read_geometry(geometry))

    def levels(self) -> Tensor:
        """(O, K / group, group) int8, one integer a weight; not for float16."""
        assert self.scale is not None
        if self.format == "int8":
            return self.weight
        both = torch.stack([self.weight & 15, self.weight >> 4], 1).flatten()[: math.prod(self.shape)]
        return ((both ^ 8).to(torch.int8) - 8).reshape(self.shape[0], self.scale.shape[1], -1)

    def float_weight(self) -> Tensor:
        """(O, I / groups, kh, kw) float32, the numbers that are stored."""
        if self.scale is None:
            return self.weight.float()
        return (self.levels().float() * self.scale.float()).reshape(self.shape)

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.float_weight(), self.bias, **self.geometry)


def group_length(shape: tuple[int, ...], group_size: int) -> int:
    """How many weights share a scale: the divisor of a channel's weights that is closest, as a ratio, to what is asked.

    Args:
        shape: (O, I / groups, kh, kw).
        group_size: what is asked; 0 or -1 for all weights of an output channel.
    """
    count = math.prod(shape[1:])
    if group_size <= 0:
        return count
    divisors = [length for length in range(1, count + 1) if count % length == 0]
    return min(divisors, key=lambda length: abs(math.log(length / group_size)))


def check_group_size(group_size: int) -> None:
    """ValueError for a group size that means nothing."""
    if group_size < -1:
        raise ValueError(f"quantization.group_size={group_size}: use 1 or more, or -1 for one scale an output channel")


def _round(weight: Tensor, lowest: int) -> tuple[Tensor, Tensor]:
    """(O, G, group) float32 -> integers of the same shape as int8, and their scales (O, G, 1) float16.

    Of :data:`STRETCHES` of the scale that just fits a group's furthest weight, the one that leaves the least squared
    error: to cut off the furthest may let all others be told apart better.
    """
    furthest = torch.gather(weight, 2, weight.abs().argmax(2, keepdim=True))
    least = levels = scale = None
    for stretch in STRETCHES if lowest == LOWEST["int4"] else (1.0,):
        tried = (furthest * (stretch / lowest)).half()
        # What is smaller than the smallest float16 is stored as zero.
        tried = torch.where(tried == 0, torch.ones_like(tried), tried)
        rounded = torch.round(weight / tried.float()).clamp(lowest, -lowest - 1)
        error = (rounded * tried.float() - weight).square().sum(2, keepdim=True)
        if least is None or levels is None or scale is None:
            least, levels, scale = error, rounded, tried
        better = error < least
        least, scale = torch.where(better, error, least), torch.where(better, tried, scale)
        levels = torch.where(better, rounded, levels)
    assert levels is not None
    assert scale is not None
    return levels.to(torch.int8), scale


def _pack(levels: Tensor) -> Tensor:
    """int8 in -8..7 -> uint8, two in each, as ONNX and OpenVINO pack them."""
    flat = levels.flatten().to(torch.uint8) & 15
    flat = F.pad(flat, (0, flat.numel() % 2))
    return flat[0::2] | flat[1::2] << 4
