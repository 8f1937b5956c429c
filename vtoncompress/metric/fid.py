"""Frechet inception distance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.metric.base import Batch, Measurement, ReferencedMetric
from vtoncompress.metric.bootstrap import INTERVAL, statistic_interval
from vtoncompress.metric.distance import Features, frechet_distance
from vtoncompress.metric.distribution import Distributions, choose_extractor

CHEAP_DIMENSION = 192
CHEAP_RESAMPLES = 100


class Fid(ReferencedMetric):
    """Frechet distance between the features of the predictions and of the person photos of the same pairs.

    The unpaired protocol of PF-AFN's evaluation. It asks whether the pictures look like photos, not whether the garment
    changed: the person returned unchanged scores 0 and wins. Never read it alone.

    ``fid`` is filled with Inception's features only, ``fid_shipped`` with those of the shipped network; the latter's
    scale is its own.

    Args:
        features, inception_weights, inception_dimension, inception_resizing: see
            :func:`vtoncompress.metric.distribution.choose_extractor`.
        resamples: of the pairs, for the confidence interval in the details: 0 for none, 2 or more; None for 100 of
            features of at most 192 numbers, and none of Inception's 2048, each of which takes seconds.
    """

    columns = ("fid", "fid_shipped")

    def __init__(
        self,
        features: str = "auto",
        inception_weights: str | None = None,
        inception_dimension: int = 2048,
        inception_resizing: str = "pytorch_fid",
        resamples: int | None = None,
    ) -> None:
        if resamples is not None and (resamples < 0 or resamples == 1):
            raise ValueError(f"metric.fid.resamples={resamples}: use 0, 2 or more, or null")
        self.resamples = resamples
        self._sets = Distributions(
            choose_extractor(features, inception_weights, inception_dimension, inception_resizing)
        )

    def refer_to(self, known: Path, reference: str | None = None) -> bool:
        return self._sets.refer_to(known, reference)

    def update(self, batch: Batch) -> None:
        self._sets.update(batch)

    def compute(self) -> Measurement:
        suffix = self._sets.extractor.suffix
        column, other = (f"fid{suffix}", "fid" if suffix else "fid_shipped")
        missing = self._sets.missing("fid", (other,))
        if len(self._sets) < 2:
            return Measurement(missing=missing | {column: "a covariance needs at least 2 pictures"})
        predictions, references = self._sets.predictions(), self._sets.references()
        details: dict[str, Any] = {
            "fid_dimension": predictions.shape[1],
            "fid_rank_deficient": len(self._sets) <= predictions.shape[1],
        }
        value = frechet_distance(predictions, references)
        if (resamples := self._resamples(predictions.shape[1])) and len(predictions) == len(references):
            details[INTERVAL] = {column: _interval(predictions, references, value, resamples)}
        return Measurement({column: value}, missing, self._sets.protocol("fid"), details)

    def _resamples(self, dimension: int) -> int:
        if self.resamples is not None:
            return self.resamples
        return CHEAP_RESAMPLES if dimension <= CHEAP_DIMENSION else 0


def _interval(predictions: Features, references: Features, value: float, resamples: int) -> list[float]:
    """Pairs are drawn, a prediction with its person, because the same people stand on both sides."""

    def distance(drawn: NDArray[np.int64]) -> float:
        return frechet_distance(predictions[drawn], references[drawn])

    low, high = statistic_interval(distance, len(predictions), value, resamples)
    return [max(0.0, low), high]
