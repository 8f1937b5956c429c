"""L1 of whole pictures. As SSIM of whole pictures it hides failure: most of a picture is the unchanged person."""

from __future__ import annotations

import numpy as np

from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.ssim import NO_TRUTH
from vtoncompress.metric.tally import Tally


class L1(PictureMetric):
    """Mean absolute difference from the truth over pixels and channels, as a share of the full range, 0..1."""

    columns = ("l1",)

    def __init__(self) -> None:
        self._tally = Tally("l1")

    def update(self, batch: Batch) -> None:
        for pair, prediction in zip(batch.pairs, batch.predictions, strict=True):
            if pair.truth is None:
                self._tally.refuse(NO_TRUTH)
            else:
                self._tally.add([np.abs(prediction.image.astype(np.float64) - pair.truth).mean() / 255])

    def compute(self) -> Measurement:
        return self._tally.compute()
