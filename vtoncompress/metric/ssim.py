"""SSIM of whole pictures. It hides failure: most of a picture is the unchanged person."""

from __future__ import annotations

from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.similarity import truth_ssim
from vtoncompress.metric.tally import Tally

NO_TRUTH = "the data has no picture of this person in this garment"


class Ssim(PictureMetric):
    """Mean SSIM against the truth, in -1..1; see :func:`vtoncompress.metric.similarity.ssim_map`."""

    columns = ("ssim",)

    def __init__(self) -> None:
        self._tally = Tally("ssim")

    def update(self, batch: Batch) -> None:
        for index, pair in enumerate(batch.pairs):
            if pair.truth is None:
                self._tally.refuse(NO_TRUTH)
            else:
                self._tally.add([truth_ssim(batch, index).mean()])

    def compute(self) -> Measurement:
        return self._tally.compute()
