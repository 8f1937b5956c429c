"""Features of all predictions and of all reference pictures, as FID and KID need them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.base import Batch
from vtoncompress.metric.extractor import Extractor, person_features, prediction_features
from vtoncompress.metric.feature_rows import FeatureRows
from vtoncompress.metric.features import Shipped
from vtoncompress.metric.inception import Inception, cached_weights, check_choice, download_weights
from vtoncompress.metric.known_features import read

CHOICES = ("auto", "inception", "shipped", "stand_in")
PERSONS = "person photos of the same pairs"
Rows = NDArray[np.float32]


def choose_extractor(
    features: str,
    inception_weights: str | None,
    inception_dimension: int = 2048,
    inception_resizing: str = "pytorch_fid",
) -> Extractor:
    """The extractor to use; whoever asks for the same shares it.

    Args:
        features: ``inception`` takes pytorch-fid's network, downloading its weights where they are neither given nor in
            torch hub's cache; ``shipped`` the small network of this package; ``auto`` Inception if its weights are
            given or in the cache, otherwise the shipped one: it never asks the network for anything; ``stand_in``
            Inception with whatever weights are given, for checks of arithmetic and speed, in columns of its own.
        inception_weights: path of pytorch-fid's weights, or None.
        inception_dimension, inception_resizing: see :class:`vtoncompress.metric.inception.Inception`.

    Raises:
        ValueError: another choice, weights that are missing or wrong, or a download that fails.
    """
    return _choose(features, inception_weights, inception_dimension, inception_resizing)


@lru_cache(maxsize=4)
def _choose(
    features: str, inception_weights: str | None, inception_dimension: int, inception_resizing: str
) -> Extractor:
    if features not in CHOICES:
        raise ValueError(f"features={features}: choose one of {', '.join(CHOICES)}")
    check_choice(inception_dimension, inception_resizing)
    if features == "shipped":
        return Shipped()
    if features == "stand_in":
        return _stand_in(inception_weights, inception_dimension, inception_resizing)
    path = Path(inception_weights) if inception_weights else cached_weights()
    if path is None and features == "auto":
        return Shipped()
    return Inception(path or download_weights(), inception_dimension, inception_resizing)


def forget_extractors() -> None:
    """Choose anew, and free what no metric holds."""
    _choose.cache_clear()


def _stand_in(weights: str | None, dimension: int, resizing: str) -> Extractor:
    if weights is None or not Path(weights).is_file():
        raise ValueError(f"features=stand_in needs the weights: there is no file inception_weights={weights}")
    return Inception(Path(weights), dimension, resizing, file_hash(Path(weights))[:8])


class Distributions:
    """Grows by one feature vector a picture, on disk; the pictures themselves are not kept.

    Args:
        extractor: what gives the features.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self._predictions, self._references = FeatureRows(), FeatureRows()
        self._known: Rows | None = None
        self._reference = PERSONS
        self._apart = False

    def refer_to(self, known: Path, reference: str | None) -> bool:
        """See :meth:`vtoncompress.metric.base.ReferencedMetric.refer_to`."""
        assert not len(self._predictions), "some pictures are there already"
        features = read(known, self.extractor)
        if features is None:
            return False
        self._known, self._reference = features, reference or PERSONS
        return True

    def update(self, batch: Batch) -> None:
        """Take in a batch's predictions and, unless others are referred to, the person photos of the same pairs."""
        if batch.predictions:
            # References that are neither the pairs' persons nor their truths are just photos.
            self._apart |= self._reference != PERSONS and any(pair.truth is None for pair in batch.pairs)
            self._predictions.append(prediction_features(self.extractor, batch))
            if self._known is None:
                self._references.append(person_features(self.extractor, batch))

    def __len__(self) -> int:
        """Pictures of the smaller set."""
        return min(len(self._predictions), len(self._references if self._known is None else self._known))

    def paired(self) -> bool:
        """Whether row i of both sets is of pair i."""
        others = self._references if self._known is None else self._known
        return not self._apart and len(self._predictions) == len(others)

    def predictions(self) -> Rows:
        """(N, D), N at least 1, mapped from a file."""
        return self._predictions.read()

    def references(self) -> Rows:
        """(M, D), M at least 1, mapped from a file."""
        return self._references.read() if self._known is None else self._known

    def protocol(self, metric: str) -> dict[str, Any]:
        """What two values must share to be compared, under names that begin with the metric's."""
        return {
            f"{metric}_extractor": self.extractor.name,
            f"{metric}_weights": self.extractor.weights_hash,
            f"{metric}_resizing": self.extractor.resizing,
            f"{metric}_reference": self._reference,
            f"{metric}_images": len(self._predictions),
        }

    def missing(self, metric: str, columns: tuple[str, ...]) -> dict[str, str]:
        """Why the columns of the extractor that was not used are empty."""
        if self.extractor.suffix:
            reason = f"Inception weights not given: set metric.{metric}.inception_weights"
        else:
            reason = f"Inception was used: metric.{metric}.features=shipped gives it"
        return dict.fromkeys(columns, reason)
