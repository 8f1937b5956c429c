"""Frechet inception distance."""

from __future__ import annotations

from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.distance import frechet_distance
from vtoncompress.metric.distribution import Distributions


class Fid(PictureMetric):
    """Frechet distance between the features of the predictions and of the person photos of the same pairs.

    The unpaired protocol of PF-AFN's evaluation. It asks whether the pictures look like photos, not whether the garment
    changed: the person returned unchanged scores 0 and wins. Never read it alone.

    ``fid`` is filled with Inception's features only, ``fid_shipped`` with those of the shipped network; the latter's
    scale is its own.

    Args:
        features, inception_weights: see :func:`vtoncompress.metric.distribution.choose_extractor`.
    """

    columns = ("fid", "fid_shipped")

    def __init__(self, features: str = "auto", inception_weights: str | None = None) -> None:
        self._sets = Distributions(features, inception_weights)

    def update(self, batch: Batch) -> None:
        self._sets.update(batch)

    def compute(self) -> Measurement:
        suffix = self._sets.extractor.suffix
        other = "fid" if suffix else "fid_shipped"
        missing = self._sets.missing("fid", (other,))
        if len(self._sets) < 2:
            return Measurement(missing=missing | {f"fid{suffix}": "a covariance needs at least 2 pictures"})
        predictions, persons = self._sets.features()
        details = {
            "fid_dimension": predictions.shape[1],
            "fid_rank_deficient": len(predictions) <= predictions.shape[1],
        }
        value = frechet_distance(predictions, persons)
        return Measurement({f"fid{suffix}": value}, missing, self._sets.protocol("fid"), details)
