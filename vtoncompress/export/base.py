"""What it takes to deploy a try-on model: an exporter that writes a folder, and the runtime that opens it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a runtime opens its files without torch
    from vtoncompress.model.base import TryOnModel
    from vtoncompress.sampling.call import Networks

Tensors = dict[str, NDArray[np.float32]]
FORMS = "vtoncompress_forms"
"""Key in a graph's file under which :meth:`TryOnModel.forms` is kept, as JSON."""


@dataclass(frozen=True)
class LayerTime:
    """What a layer of an opened network took: its name, kind of operation, the kernel that ran it, milliseconds."""

    name: str
    kind: str
    kernel: str
    milliseconds: float


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

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors] | None:
        """A call that takes the inputs that ``fixed`` lacks, with what ``fixed`` decides alone computed now.

        The outputs are those of an ordinary call. None where this runtime has no such way.
        """
        return None

    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime] | None:
        """What each layer takes, a mean over calls with these inputs; None where this runtime doesn't count it."""
        return None

    def networks(self) -> Networks | None:
        """The networks of a model that works in steps, one by one; None where a call is one network."""
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
