"""What it takes to deploy a try-on model: an exporter that writes a folder, and the runtime that opens it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a runtime opens its files without torch
    from vtoncompress.model.base import TryOnModel
    from vtoncompress.sampling.base import Sampling
    from vtoncompress.sampling.denoising import Networks

Tensors = dict[str, NDArray[np.float32]]
FORMS = "vtoncompress_forms"
"""Key in a graph's file under which :meth:`TryOnModel.forms` is kept, as JSON."""


@dataclass(frozen=True)
class LayerTime:
    """What a layer of an opened network took.

    Attributes:
        name: as the runtime calls it; begins with its module's where a module made it.
        kind: of operation.
        kernel: that ran it.
        milliseconds: of a call.
        precision: that it computes in, such as ``f32`` or ``u8``.
        macs: multiply-accumulates of a convolution or a matrix product; 0 for what computes little.
        moved_bytes: of its inputs, weights and outputs, each once.
    """

    name: str
    kind: str
    kernel: str
    milliseconds: float
    precision: str = ""
    macs: int = 0
    moved_bytes: int = 0


class Runtime(ABC):
    """An opened network: the one interface through which every variant is measured.

    Attributes:
        inputs: names of what it takes.
    """

    inputs: Sequence[str] = ("person", "garment", "garment_mask")

    @abstractmethod
    def __call__(self, inputs: Tensors) -> Tensors:
        """The network's inputs by name, such as ``person``, ``garment`` (1, 3, H, W) in -1..1 and ``garment_mask``
        (1, 1, H, W) in 0..1, or more than it takes -> named outputs."""

    def many(self, inputs: Sequence[Tensors]) -> list[Tensors]:
        """The outputs of a call with each of ``inputs``, in order, made as fast as this runtime can: one after another
        where :meth:`describe` tells no other way under ``many``."""
        return [self(one) for one in inputs]

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors] | None:
        """A call that takes the inputs that ``fixed`` lacks, with what ``fixed`` decides alone computed now.

        The outputs are those of an ordinary call. None where this runtime has no such way.
        """
        return None

    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime] | None:
        """What each layer takes, in order, a mean over calls with these inputs; None where a runtime doesn't count."""
        return None

    def sampled(
        self, options: Mapping[str, Any], told: Callable[[int, int], None]
    ) -> Callable[[Tensors], Tensors] | None:
        """A call that makes its picture in steps by other options of its sampler, of those that it was exported with.

        Args:
            options: of :class:`vtoncompress.sampling.base.Sampling`: ``steps``, ``guidance``, ``seed``.
            told: after each step how many are done, of how many; what it raises ends the call.

        Returns:
            None where a picture is made in one go.

        Raises:
            ValueError: an option out of range.
        """
        return None

    def rates(self) -> dict[str, float]:
        """What this runtime reaches here at best, measured now: 10^9 multiply-accumulates a second of a large
        convolution, by precision, as :attr:`LayerTime.precision` tells it; empty where it counts no times of layers."""
        return {}

    def networks(self, sampling: Sampling | None = None) -> Networks | None:
        """The networks of a model that works in steps, one by one; None where a call is one network.

        ``sampling``: what calls them, where that is not their own sampler.
        """
        return None

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What a record needs to be trusted: version, device, threads, execution precision."""


class Exporter(ABC):
    """Writes the runtime's files into a folder and opens them again. The folder's whole content is deployed.

    Attributes:
        dynamic: whether what it writes takes other sizes than ``model.size``, of a model that can.
    """

    runtime: ClassVar[str]
    dynamic: bool

    @abstractmethod
    def export(self, model: TryOnModel, folder: Path) -> None:
        """Write ``model`` for batch 1 and ``model.size``, in float32, batch norms folded where the runtime does."""

    @abstractmethod
    def open(self, folder: Path) -> Runtime:
        """Open what :meth:`export` wrote, quantized since or not. ValueError where a file is missing or damaged."""
