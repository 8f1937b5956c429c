"""How far a picture is from another one, and which of many pairs to look at by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vtoncompress.data.base import Image

PAIR_ERROR = "pair_error"
"""In a record's details: the error of every test pair, and which of them are shown."""


def error(result: Image, aim: Image) -> float:
    """Mean absolute difference of two (H, W, 3) uint8 pictures, in levels of 255."""
    return float(np.abs(result.astype(np.int16) - aim).mean())


def typical_and_worst(errors: Sequence[float]) -> tuple[int, int]:
    """Places of the error in the middle (of an even number the smaller) and of the largest; at least one error."""
    order = np.argsort(errors, kind="stable")
    return int(order[(len(errors) - 1) // 2]), int(order[-1])
