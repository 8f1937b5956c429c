"""Features of all predictions and of all person photos, as FID and KID need them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vtoncompress.metric.base import Batch
from vtoncompress.metric.extractor import Extractor, Features, person_features, prediction_features
from vtoncompress.metric.features import Shipped
from vtoncompress.metric.inception import Inception, cached_weights, download_weights

CHOICES = ("auto", "inception", "shipped")


@lru_cache(maxsize=4)
def choose_extractor(features: str, inception_weights: str | None) -> Extractor:
    """The extractor to use; FID and KID that ask for the same share it.

    Args:
        features: ``inception`` takes pytorch-fid's network, downloading its weights where they are neither given nor in
            torch hub's cache; ``shipped`` the small network of this package; ``auto`` Inception if its weights are
            given or in the cache, otherwise the shipped one: it never asks the network for anything.
        inception_weights: path of pytorch-fid's weights, or None.

    Raises:
        ValueError: another choice, weights that are missing or wrong, or a download that fails.
    """
    if features not in CHOICES:
        raise ValueError(f"features={features}: choose one of {', '.join(CHOICES)}")
    if features == "shipped":
        return Shipped()
    path = Path(inception_weights) if inception_weights else cached_weights()
    if path is None and features == "auto":
        return Shipped()
    return Inception(path or download_weights())


class Distributions:
    """Grows by one feature vector a picture; the pictures themselves are not kept.

    Args:
        features, inception_weights: as :func:`choose_extractor` takes them.
    """

    def __init__(self, features: str, inception_weights: str | None) -> None:
        self.extractor = choose_extractor(features, str(inception_weights) if inception_weights else None)
        self._predictions: list[Features] = []
        self._persons: list[Features] = []

    def update(self, batch: Batch) -> None:
        """Take in a batch's predictions and the person photos of the same pairs."""
        if batch.pairs:
            self._predictions.append(prediction_features(self.extractor, batch))
            self._persons.append(person_features(self.extractor, batch))

    def __len__(self) -> int:
        return sum(len(part) for part in self._predictions)

    def features(self) -> tuple[Features, Features]:
        """(N, D) of the predictions and of the person photos, N at least 1."""
        return np.concatenate(self._predictions), np.concatenate(self._persons)

    def protocol(self, metric: str) -> dict[str, Any]:
        """What two values must share to be compared, under names that begin with the metric's."""
        return {
            f"{metric}_extractor": self.extractor.name,
            f"{metric}_weights": self.extractor.weights_hash,
            f"{metric}_resizing": self.extractor.resizing,
            f"{metric}_reference": "person photos of the same pairs",
            f"{metric}_images": len(self),
        }

    def missing(self, metric: str, columns: tuple[str, ...]) -> dict[str, str]:
        """Why the columns of the extractor that was not used are empty."""
        if self.extractor.suffix:
            reason = f"Inception weights not given: set metric.{metric}.inception_weights"
        else:
            reason = f"Inception was used: metric.{metric}.features=shipped gives it"
        return dict.fromkeys(columns, reason)
