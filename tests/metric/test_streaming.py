"""Memory does not grow with the number of pictures."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.metric.resident import PICTURES, SHAPE
from vtoncompress.data.base import Pair
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.flow_error import FlowError
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.metric.kid import Kid
from vtoncompress.metric.l1 import L1
from vtoncompress.metric.psnr import Psnr
from vtoncompress.metric.ssim import Ssim

FEATURES, PICTURE = 64 * 4, 128 * 96 * 3
"""Bytes."""


@pytest.mark.parametrize(
    "metric, kept",
    [
        *((metric, FEATURES / 2) for metric in (Fid("shipped"), Kid("shipped"))),
        *((metric, PICTURE / 10) for metric in (Ssim(), Psnr(), L1(), GarmentLikeness(), FlowError())),
    ],
    ids=lambda value: type(value).__name__,
)
def test_neither_pictures_nor_their_features_are_kept(metric: Any, kept: float, pairs: list[Pair]) -> None:
    def look(times: int) -> None:
        for _ in range(times):
            metric.update(Batch(pairs, [Prediction(pair.person, pair.flow) for pair in pairs]))
        gc.collect()

    look(2)
    tracemalloc.start()
    try:
        look(12)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after < kept * 12 * len(pairs), f"{after} bytes"


@pytest.mark.parametrize("name", ["lpips", "inception"])
def test_the_process_does_not_grow_by_what_a_network_looks_at(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.metric.resident", name, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    # Both sides of the pictures between: their features are a thousandth of that, what LPIPS' layers see many times.
    assert float(done.stdout.split()[-1]) < 0.5 * 2 * 3 * PICTURES * math.prod(SHAPE) / 2**20
