"""Quantization has two moments: on the torch module and on the exported graph; a mode uses one or both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from vtoncompress.export.base import Tensors
from vtoncompress.model.base import TryOnModel


class Quantization(ABC):
    """One mode.

    Attributes:
        runtimes: the runtimes that can run its result.
        tolerance: largest mean absolute difference, in units of 1/255 of a picture's range, that the parity gate
            allows between the exported network and the float32 torch network.
    """

    runtimes: ClassVar[frozenset[str]]
    tolerance: float

    @abstractmethod
    def prepare(self, model: TryOnModel, calibration: Sequence[Tensors]) -> TryOnModel:
        """The module to export; ``model`` itself where there is nothing to do."""

    @abstractmethod
    def convert(self, folder: Path, runtime: str, model: TryOnModel, calibration: Sequence[Tensors]) -> None:
        """Quantize the files in ``folder`` in place; nothing where there is nothing to do."""
