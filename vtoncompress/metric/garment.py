"""Likeness inside the garment's true region: the part of the picture that try-on is about."""

from __future__ import annotations

import numpy as np

from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.bootstrap import INTERVAL
from vtoncompress.metric.similarity import truth_ssim
from vtoncompress.metric.ssim import NO_TRUTH
from vtoncompress.metric.tally import Tally

INSIDE = 127
"""A pixel belongs to the garment if the garment's share in it (0 to 255) is above this."""


class GarmentLikeness(PictureMetric):
    """SSIM and L1 against the truth over the pixels that show the garment there, averaged a pair, then over pairs.

    ``ssim_garment`` is the mean of the SSIM map (whose windows reach 5 pixels past the region), -1..1; ``l1_garment``
    the mean absolute difference of the channels as a share of the full range, 0..1. A pair whose garment is all
    hidden has neither and is left out; ``garment_hidden_pairs`` in the details counts them.
    """

    columns = ("ssim_garment", "l1_garment")

    def __init__(self) -> None:
        self._ssim, self._l1 = Tally("ssim_garment"), Tally("l1_garment")
        self._hidden = 0

    def update(self, batch: Batch) -> None:
        for index, (pair, prediction) in enumerate(zip(batch.pairs, batch.predictions, strict=True)):
            if pair.truth is None or pair.region is None:
                self._ssim.refuse(NO_TRUTH)
                self._l1.refuse(NO_TRUTH)
                continue
            inside = pair.region > INSIDE
            if not inside.any():
                self._hidden += 1
                continue
            difference = np.abs(prediction.image[inside].astype(np.float64) - pair.truth[inside])
            self._ssim.add([truth_ssim(batch, index)[inside].mean()])
            self._l1.add([difference.mean() / 255])

    def compute(self) -> Measurement:
        ssim, l1 = self._ssim.compute(), self._l1.compute()
        intervals = ssim.details.get(INTERVAL, {}) | l1.details.get(INTERVAL, {})
        details = {"garment_hidden_pairs": self._hidden} | ({INTERVAL: intervals} if intervals else {})
        return Measurement(ssim.values | l1.values, ssim.missing | l1.missing, details=details)
