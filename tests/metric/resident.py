"""Feed a metric in a process of its own, and print by how many MiB its resident memory grew from N to 4 N pictures.

python -m tests.metric.resident lpips FOLDER

Python's own tracing sees nothing of what torch and OpenVINO hold.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from tests.metric.test_lpips import stand_in
from vtoncompress.data.base import Pair
from vtoncompress.metric.base import Batch, PictureMetric, Prediction
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.inception_stand_in import write_stand_in
from vtoncompress.metric.lpips import Lpips

SHAPE = (256, 192, 3)
PICTURES, TOGETHER = 16, 4


def build(name: str, folder: Path) -> PictureMetric:
    """With seeded weights."""
    if name == "lpips":
        return Lpips("squeeze", str(stand_in("squeeze", folder, pytest.MonkeyPatch())[0]))
    return Fid("stand_in", str(write_stand_in(folder)), 64, resamples=0)


def feed(metric: PictureMetric, pictures: int) -> None:
    """As many pictures as that, none of which was there before."""
    random = np.random.default_rng(pictures)
    for _ in range(pictures // TOGETHER):
        shown = random.integers(0, 256, (2 * TOGETHER, *SHAPE), np.uint8)
        pairs = [Pair(str(index), one, one, one[..., 0], one) for index, one in enumerate(shown[:TOGETHER])]
        metric.update(Batch(pairs, [Prediction(one) for one in shown[TOGETHER:]]))
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what the allocator only keeps for later is nothing that the metric holds


def main(name: str, folder: str) -> None:
    torch.set_num_threads(1)
    metric, process = build(name, Path(folder)), psutil.Process()
    feed(metric, PICTURES)
    before = process.memory_info().rss
    feed(metric, 3 * PICTURES)
    print((process.memory_info().rss - before) / 2**20)


if __name__ == "__main__":
    main(*sys.argv[1:])
