"""The abstract try-on model: what every stage after it may rely on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vtoncompress.model.trace import Trace


class Network(nn.Module, ABC):
    """A network that a checkpoint can hold."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """What its class must be called with to build it before pruning, as JSON values."""


class TryOnModel(Network):
    """A network that puts a garment on a person.

    Attributes:
        size: (height, width) of all pictures, in pixels.
        parts: its separately compressible networks by the name scopes use, for example ``warp`` and ``generator``.
        loss_terms: names of what :meth:`loss` can compute. Those that begin with ``perceptual``, and no others, look
            through the perceptual distance.
        execution: the arguments that say how it computes and not what, as attributes that may be set: a checkpoint
            does not bind them.
    """

    size: tuple[int, int]
    loss_terms: ClassVar[tuple[str, ...]]
    execution: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Networks by name, in the order the data meets them."""

    @abstractmethod
    def forward(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> dict[str, Tensor]:
        """One try-on call.

        Args:
            person: (N, 3, H, W) in -1..1.
            garment: (N, 3, H, W) in -1..1.
            garment_mask: (N, 1, H, W) in 0..1.

        Returns:
            ``image`` (N, 3, H, W) in -1..1, and whatever else this model can show; a model that warps gives ``flow``
            (N, 2, H, W): the (x, y) in ``garment``, in pixels, that each pixel of ``image`` would show.
        """

    @abstractmethod
    def trace(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> Trace:
        """:meth:`forward` for training: the same picture, with what a loss or a student looks at."""

    @abstractmethod
    def loss(
        self,
        trace: Trace,
        batch: Mapping[str, Tensor],
        weights: Mapping[str, float],
        perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Scalars to add up and minimise, by name.

        Args:
            trace: of the batch's call.
            batch: the arguments of :meth:`forward` and the truth: ``truth`` (N, 3, H, W) in -1..1, ``region``
                (N, 1, H, W) in 0..1 and ``flow`` (N, 2, H, W) in garment pixels.
            weights: name of :attr:`loss_terms` -> factor. What has none, or 0, is not computed.
            perceptual: distance of two pictures (N, 3, h, w) in -1..1, a scalar, where a term wants one.
        """

    @abstractmethod
    def float_layers(self) -> list[str]:
        """Names of the layers whose result is a coordinate: low precision moves pixels there, so they stay float."""

    @abstractmethod
    def output_layers(self) -> list[str]:
        """Names of the convolutions whose width is an interface, so that pruning must leave it."""

    @abstractmethod
    def dependency_outputs(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> list[Tensor]:
        """A forward pass for tracing which channels are tied, made of ordinary layers only.

        Every parameter takes part. Where the real network multiplies or compares two features channel by channel, they
        are added here, which ties their channels; where it samples or flows, features pass through.
        """

    def use_definitions(self) -> None:
        """From now on compute every operation by its definition: the network that speedups are measured against."""

    def forms(self, graph: bool) -> dict[str, str]:
        """Which of several forms computes an operation, by the operation's name, for records.

        Args:
            graph: in a graph for another runtime; otherwise in eager PyTorch in float32 on a CPU.
        """
        return {}

    def example_inputs(self) -> list[Tensor]:
        """Zeros for :meth:`forward`, batch 1."""
        height, width = self.size
        return [torch.zeros(1, channels, height, width) for channels in (3, 3, 1)]
