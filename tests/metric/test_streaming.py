"""Memory does not grow with the number of pictures."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from vtoncompress.data.base import Pair
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.flow_error import FlowError
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.metric.kid import Kid
from vtoncompress.metric.l1 import L1
from vtoncompress.metric.psnr import Psnr
from vtoncompress.metric.ssim import Ssim

NUMBER = 72
"""Bytes that a Python number in a list takes, with room for the list to grow."""


@pytest.mark.parametrize(
    "metric, numbers",
    [
        (Fid("shipped"), 1),
        (Kid("shipped"), 1),
        (Ssim(), 1),
        (Psnr(), 1),
        (L1(), 1),
        (GarmentLikeness(), 2),
        (FlowError(), 1),
    ],
)
def test_a_metric_keeps_a_number_or_two_of_a_picture(metric: Any, numbers: int, pairs: list[Pair]) -> None:
    """Neither the picture, of 36 KiB, nor its features, of 256 bytes."""

    def look(times: int) -> None:
        for _ in range(times):
            metric.update(Batch(pairs, [Prediction(pair.person, pair.flow) for pair in pairs]))

    look(2)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    look(12)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < numbers * NUMBER * 12 * len(pairs) + 2048
