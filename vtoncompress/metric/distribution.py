"""Features of all predictions and of all reference pictures, as FID and KID need them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from vtoncompress.metric.base import Batch
from vtoncompress.metric.extractor import Extractor, person_features, prediction_features
from vtoncompress.metric.feature_rows import FeatureRows
from vtoncompress.metric.features import Shipped
from vtoncompress.metric.inception import Inception, cached_weights, check_choice, download_weights

CHOICES = ("auto", "inception", "shipped")


@lru_cache(maxsize=4)
def choose_extractor(
    features: str,
    inception_weights: str | None,
    inception_dimension: int = 2048,
    inception_resizing: str = "pytorch_fid",
) -> Extractor:
    """The extractor to use; FID and KID that ask for the same share it.

    Args:
        features: ``inception`` takes pytorch-fid's network, downloading its weights where they are neither given nor in
            torch hub's cache; ``shipped`` the small network of this package; ``auto`` Inception if its weights are
            given or in the cache, otherwise the shipped one: it never asks the network for anything.
        inception_weights: path of pytorch-fid's weights, or None.
        inception_dimension, inception_resizing: see :class:`vtoncompress.metric.inception.Inception`.

    Raises:
        ValueError: another choice, weights that are missing or wrong, or a download that fails.
    """
    if features not in CHOICES:
        raise ValueError(f"features={features}: choose one of {', '.join(CHOICES)}")
    check_choice(inception_dimension, inception_resizing)
    if features == "shipped":
        return Shipped()
    path = Path(inception_weights) if inception_weights else cached_weights()
    if path is None and features == "auto":
        return Shipped()
    return Inception(path or download_weights(), inception_dimension, inception_resizing)


class Distributions:
    """Grows by one feature vector a picture, on disk; the pictures themselves are not kept.

    Args:
        extractor: what gives the features.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.predictions, self.persons = FeatureRows(), FeatureRows()

    def update(self, batch: Batch) -> None:
        """Take in a batch's predictions and the person photos of the same pairs."""
        if batch.pairs:
            self.predictions.append(prediction_features(self.extractor, batch))
            self.persons.append(person_features(self.extractor, batch))

    def __len__(self) -> int:
        """Pictures of the smaller set."""
        return min(len(self.predictions), len(self.persons))

    def protocol(self, metric: str) -> dict[str, Any]:
        """What two values must share to be compared, under names that begin with the metric's."""
        return {
            f"{metric}_extractor": self.extractor.name,
            f"{metric}_weights": self.extractor.weights_hash,
            f"{metric}_resizing": self.extractor.resizing,
            f"{metric}_reference": "person photos of the same pairs",
            f"{metric}_images": len(self.predictions),
        }

    def missing(self, metric: str, columns: tuple[str, ...]) -> dict[str, str]:
        """Why the columns of the extractor that was not used are empty."""
        if self.extractor.suffix:
            reason = f"Inception weights not given: set metric.{metric}.inception_weights"
        else:
            reason = f"Inception was used: metric.{metric}.features=shipped gives it"
        return dict.fromkeys(columns, reason)
