"""What turns pictures into the features whose distributions FID and KID compare."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image
from vtoncompress.metric.base import Batch

Features = NDArray[np.float64]
CHUNK = 32


class Extractor(ABC):
    """A frozen network.

    Attributes:
        name: for the record.
        suffix: of the columns it fills; only Inception's is empty, so that nothing else passes for it.
        weights_hash: SHA-256 of its weights' file, 16 hex digits.
        resizing: rule by which pictures reach its input size.
    """

    name: str
    suffix: str
    weights_hash: str
    resizing: str

    @abstractmethod
    def __call__(self, pictures: Sequence[Image]) -> Features:
        """(H, W, 3) uint8 each -> (N, D)."""


def prediction_features(extractor: Extractor, batch: Batch) -> Features:
    """Features of the batch's predictions, computed once for all metrics."""
    return _cached(extractor, batch, "prediction", [prediction.image for prediction in batch.predictions])


def person_features(extractor: Extractor, batch: Batch) -> Features:
    """Features of the photos of the batch's people, computed once for all metrics."""
    return _cached(extractor, batch, "person", [pair.person for pair in batch.pairs])


def _cached(extractor: Extractor, batch: Batch, which: str, pictures: Sequence[Image]) -> Features:
    key = f"{extractor.name}/{extractor.weights_hash}/{extractor.resizing}/{which}"
    if key not in batch.features:
        chunks = [extractor(pictures[i : i + CHUNK]) for i in range(0, len(pictures), CHUNK)]
        batch.features[key] = np.concatenate(chunks) if chunks else np.empty((0, 1))
    return batch.features[key]
