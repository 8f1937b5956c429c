"""What convolutions have in common whose weights are stored in fewer than 32 bits each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self

from torch import Tensor, nn

from vtoncompress.model.integer_convolution import replace_layers


class StoredConv2d(nn.Module, ABC):
    """A convolution that keeps its weights in a type of its own.

    Attributes:
        shape: (O, I / groups, kh, kw).
        bias: (O,) float32 or None.
        geometry: ``stride``, ``padding``, ``dilation``, ``groups`` as ``F.conv2d`` takes them.
    """

    shape: tuple[int, ...]
    bias: Tensor | None
    geometry: Mapping[str, Any]

    @abstractmethod
    def float_weight(self) -> Tensor:
        """(O, I / groups, kh, kw) float32, the numbers that are stored."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """What the class's ``empty`` must be called with to make one of this shape, as JSON values."""

    def ordinary(self) -> nn.Conv2d:
        """A float32 convolution with the same numbers."""
        channels, kernel = self.shape[1] * self.geometry["groups"], (self.shape[2], self.shape[3])
        made = nn.Conv2d(channels, self.shape[0], kernel, bias=self.bias is not None, device="meta", **self.geometry)
        made.weight = nn.Parameter(self.float_weight(), requires_grad=False)
        if self.bias is not None:
            made.bias = nn.Parameter(self.bias.clone(), requires_grad=False)
        return made.train(self.training)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        # ``network.float()`` means the arithmetic around it; the stored type is what this module is for.
        types = {name: buffer.dtype for name, buffer in self.named_buffers(recurse=False)}
        super()._apply(fn, recurse)
        for name, dtype in types.items():
            setattr(self, name, getattr(self, name).to(dtype))
        return self


def check_padding(layer: nn.Conv2d) -> None:
    """ValueError for a convolution that pads with anything but zeros."""
    if layer.padding_mode != "zeros":
        raise ValueError(f"a convolution with padding_mode={layer.padding_mode} can't be quantized")


def json_geometry(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """``geometry`` as JSON values."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in geometry.items()}


def read_geometry(values: Mapping[str, Any]) -> dict[str, Any]:
    """The geometry that :func:`json_geometry` wrote."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def make_ordinary(model: nn.Module, kind: type[StoredConv2d] = StoredConv2d) -> dict[str, StoredConv2d]:
    """Replace the convolutions of ``kind`` in ``model`` by float32 ones with the same numbers, in place.

    Returns:
        Those that were replaced, by name.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, kind)}
    replace_layers(model, {name: layer.ordinary() for name, layer in layers.items()})
    return dict(layers)
