"""Quantization has two moments: on the torch module and on the exported graph; a mode uses one or both."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from vtoncompress.data.base import Pair, TryOnData
from vtoncompress.export.base import Tensors
from vtoncompress.model.base import TryOnModel


@dataclass(frozen=True)
class Material:
    """What a mode may look at beside the network.

    Attributes:
        calibration: inputs for the ranges of activations.
        trajectories: the same for a model that works in steps: graph -> what it was given on the way to pictures.
        validation: pairs with a truth on which a mode with a budget judges quality; none of them calibrates or tests.
        training: what a mode that trains learns from.
        teacher: the network before pruning, where a mode's training asks for it.
        work: folder for checkpoints from which a killed training goes on.
    """

    calibration: Sequence[Tensors] = ()
    trajectories: Mapping[str, Sequence[Tensors]] = field(default_factory=dict)
    validation: Sequence[Pair] = ()
    training: TryOnData | None = None
    teacher: TryOnModel | None = None
    work: Path | None = None


class Quantization(ABC):
    """One mode. Each of its two moments returns its input where there is nothing to do.

    Attributes:
        runtimes: that can run its result.
        step_runtimes: those of them for which it takes a model that works in steps, whose graphs :meth:`convert` gets
            without :meth:`prepare`.
        calibrates: whether it looks at calibration inputs.
        tolerance: largest mean absolute difference, in units of 1/255 of a picture's range, that the parity gate
            allows between the exported network and the float32 torch network.
    """

    runtimes: ClassVar[frozenset[str]]
    step_runtimes: ClassVar[frozenset[str]] = frozenset()
    calibrates: ClassVar[bool] = True
    tolerance: float

    def check(self, model: TryOnModel) -> None:  # noqa: B027 - most modes have nothing to check
        """ValueError where the options don't fit the network; called before any work."""

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """The module to export, one that a checkpoint holds, and what a record should know of how it was made."""
        return model, {}

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        """Quantize the files in ``folder`` in place; what a record should know of it.

        Args:
            folder: what the exporter of ``runtime`` wrote of the module that :meth:`prepare` returned.
            runtime: one of :attr:`runtimes`.
            model: the network in float32.
            material: what may be looked at.
        """
        return {}
