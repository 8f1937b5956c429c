"""How far from its true place the garment is fetched."""

from __future__ import annotations

import numpy as np

from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.garment import INSIDE
from vtoncompress.metric.tally import Tally

NO_TRUE_FLOW = "the data has no true flow"
NO_FLOW = "the variant gives no flow"


class FlowError(PictureMetric):
    """Mean end-point error of the flow in pixels of the garment picture, over the pixels that truly show the garment.

    Averaged a pair, then over pairs; a pair whose garment is all hidden is left out.
    """

    columns = ("flow_error_px",)

    def __init__(self) -> None:
        self._tally = Tally("flow_error_px")

    def update(self, batch: Batch) -> None:
        for pair, prediction in zip(batch.pairs, batch.predictions, strict=True):
            if pair.flow is None or pair.region is None:
                self._tally.refuse(NO_TRUE_FLOW)
            elif prediction.flow is None:
                self._tally.refuse(NO_FLOW)
            else:
                assert prediction.flow.shape == pair.flow.shape, "a flow is (H, W, 2) in garment pixels"
                inside = pair.region > INSIDE
                if inside.any():
                    error = prediction.flow[inside].astype(np.float64) - pair.flow[inside]
                    self._tally.add([np.hypot(error[:, 0], error[:, 1]).mean()])

    def compute(self) -> Measurement:
        return self._tally.compute()
