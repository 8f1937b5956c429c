"""A convolution stored and computed in bfloat16 between float32 features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.model.integer_convolution import geometry_of
from vtoncompress.model.stored_convolution import StoredConv2d, check_padding, json_geometry, read_geometry


class BFloat16Conv2d(StoredConv2d):
    """Input, weights and result are rounded to bfloat16 (8 bits of mantissa); sums are float32 where the CPU adds so.

    Args:
        weight: (O, I / groups, kh, kw) bfloat16.
        bias: (O,) float32 or None; rounded too where it is added.
        geometry: ``stride``, ``padding``, ``dilation``, ``groups`` as ``F.conv2d`` takes them.
    """

    weight: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None, geometry: Mapping[str, Any]) -> None:
        super().__init__()
        assert weight.dtype == torch.bfloat16, weight.dtype
        self.shape, self.geometry = tuple(weight.shape), dict(geometry)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, layer: nn.Conv2d) -> BFloat16Conv2d:
        """``layer`` with its weights rounded."""
        check_padding(layer)
        bias = None if layer.bias is None else layer.bias.detach().clone().float()
        return cls(layer.weight.detach().bfloat16(), bias, geometry_of(layer))

    def arguments(self) -> dict[str, Any]:
        """What :meth:`empty` must be called with to make one of this shape, as JSON values."""
        return {
            "shape": list(self.weight.shape),
            "bias": self.bias is not None,
            "geometry": json_geometry(self.geometry),
        }

    @classmethod
    def empty(cls, shape: list[int], bias: bool, geometry: Mapping[str, Any]) -> BFloat16Conv2d:
        """One whose tensors are still to be loaded."""
        return cls(
            torch.zeros(shape, dtype=torch.bfloat16),
            torch.zeros(shape[0]) if bias else None,
            read_geometry(geometry),
        )

    def float_weight(self) -> Tensor:
        return self.weight.float()

    def forward(self, features: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.bfloat16()
        return F.conv2d(features.bfloat16(), self.weight, bias, **self.geometry).float()
