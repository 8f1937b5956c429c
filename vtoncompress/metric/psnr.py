"""Peak signal-to-noise ratio of whole pictures."""

from __future__ import annotations

import math

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.ssim import NO_TRUTH
from vtoncompress.metric.tally import Tally

CAP = 100.0


class Psnr(PictureMetric):
    """Mean over pictures of their PSNR against the truth, in dB, the error pooled over pixels and channels."""

    columns = ("psnr",)

    def __init__(self) -> None:
        self._tally = Tally("psnr")

    def update(self, batch: Batch) -> None:
        for pair, prediction in zip(batch.pairs, batch.predictions, strict=True):
            if pair.truth is None:
                self._tally.refuse(NO_TRUTH)
            else:
                self._tally.add([psnr(prediction.image, pair.truth)])

    def compute(self) -> Measurement:
        return self._tally.compute()


def psnr(first: Image, second: Image) -> float:
    """PSNR in dB of two (H, W, 3) uint8 pictures, at most 100, so that equal pictures leave a mean finite."""
    error = float(np.square(first.astype(np.float64) - second).mean())
    return CAP if error == 0 else min(CAP, 10 * math.log10(255**2 / error))
