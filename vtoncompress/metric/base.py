"""Two kinds of metric: of the pictures a variant makes, and of the variant itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image, Pair
from vtoncompress.export.base import Runtime
from vtoncompress.model.base import TryOnModel


@dataclass
class Measurement:
    """What a metric found.

    Attributes:
        values: column name -> number.
        missing: column name -> why there is no number; no column is in both.
        protocol: what is needed to compare the numbers: extractor, hash of its weights, resizing rule, subset size.
        details: anything else worth keeping in the record, raw samples for example.
    """

    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """What a variant made of a pair: (H, W, 3) uint8, and its flow (H, W, 2) in garment pixels if it has one."""

    image: Image
    flow: NDArray[np.float32] | None = None


@dataclass
class Batch:
    """Some pairs with their predictions. ``features`` is shared by the metrics so that none is computed twice."""

    pairs: Sequence[Pair]
    predictions: Sequence[Prediction]
    features: dict[str, NDArray[np.float64]] = field(default_factory=dict)


class PictureMetric(ABC):
    """Fed batch by batch; its memory does not grow with the number of pictures' pixels."""

    columns: tuple[str, ...]

    @abstractmethod
    def update(self, batch: Batch) -> None: ...

    @abstractmethod
    def compute(self) -> Measurement:
        """Over all that came since the object was made."""


class ReferencedMetric(PictureMetric):
    """Compares its pictures as a set with reference pictures, whose features may be known before it begins."""

    @abstractmethod
    def refer_to(self, known: Path, reference: str | None = None) -> bool:
        """Compare with the features in ``known`` from now on, and look at no reference picture.

        Args:
            known: folder that :func:`vtoncompress.metric.known_features.write` filled; to be given before any batch.
            reference: what they show, for the protocol; the persons of the pairs where it is None.

        Returns:
            False, and nothing changes, where they are another extractor's.
        """


@dataclass(frozen=True)
class Subject:
    """A variant to be measured.

    Attributes:
        model: its torch network (pruned, fine-tuned), float32.
        folder: the deployed files.
        runtime: those files, opened.
        baseline: the dense float32 network in eager PyTorch, every operation by its definition, opened through the
            same interface.
        pairs: some pairs to run.
        dense: the torch network before pruning; None where nobody asks what was removed.
    """

    model: TryOnModel
    folder: Path
    runtime: Runtime
    baseline: Runtime
    pairs: Sequence[Pair]
    dense: TryOnModel | None = None


class SubjectMetric(ABC):
    """Looks at the network, its files or its clock."""

    columns: tuple[str, ...]

    @abstractmethod
    def measure(self, subject: Subject) -> Measurement: ...
