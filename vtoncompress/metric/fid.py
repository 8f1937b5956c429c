"""Frechet inception distance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.metric.base import Batch, Measurement, ReferencedMetric
from vtoncompress.metric.bootstrap import DRAWS, INDEPENDENT, INTERVAL, PAIRED, independent_interval, statistic_interval
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
        resamples: of the pairs, or of either set where they are none, for the confidence interval in the details: 0 for
            none, 2 or more; None for 100 of features of at most 192 numbers, and none of Inception's 2048, each of
            which takes seconds.
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
        if resamples := self._resamples(predictions.shape[1]):
            paired = self._sets.paired()
            interval = (_paired_interval if paired else _independent_interval)(
                predictions, references, value, resamples
            )
            details[INTERVAL] = {column: [max(0.0, interval[0]), interval[1]]}
            details[DRAWS] = {column: PAIRED if paired else INDEPENDENT}
        else:
            details[DRAWS] = {column: "no interval: metric.fid.resamples=100 asks for it, and takes seconds each"}
        return Measurement({column: value}, missing, self._sets.protocol("fid"), details)

    def _resamples(self, dimension: int) -> int:
        if self.resamples is not None:
            return self.resamples
        return CHEAP_RESAMPLES if dimension <= CHEAP_DIMENSION else 0


def _paired_interval(predictions: Features, references: Features, value: float, resamples: int) -> tuple[float, float]:
    """Pairs are drawn, a prediction with its person, because the same people stand on both sides."""

    def distance(drawn: NDArray[np.int64]) -> float:
        return frechet_distance(predictions[drawn], references[drawn])

    return statistic_interval(distance, len(predictions), value, resamples)


def _independent_interval(
    predictions: Features, references: Features, value: float, resamples: int
) -> tuple[float, float]:
    """Both sets are drawn, for what stands at one place of theirs has nothing in common."""

    def distance(drawn: NDArray[np.int64], others: NDArray[np.int64]) -> float:
        return frechet_distance(predictions[drawn], references[others])

    return independent_interval(distance, (len(predictions), len(references)), value, resamples)
