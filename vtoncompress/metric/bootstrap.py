"""How far a number would move had other test pairs been drawn: bootstrap confidence intervals (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 1000
INTERVAL = "interval_95"
"""Under which a measurement's details hold column -> [low, high]."""


def mean_interval(values: Sequence[float], resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Percentile interval of the mean of ``values``, 1 or more, at 95 % confidence; the same for the same values."""
    drawn, random = np.asarray(values, np.float64), np.random.default_rng(seed)
    means = [drawn[random.integers(0, len(drawn), len(drawn))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, _tails())
    return float(low), float(high)


def statistic_interval(
    statistic: Callable[[NDArray[np.int64]], float], count: int, value: float, resamples: int, seed: int = 0
) -> tuple[float, float]:
    """Interval of a statistic that resampling biases, at 95 % confidence.

    A resample holds some items twice, and a Frechet distance grows with that: its resamples scatter around more than
    ``value``. Their scatter is kept and their mean is moved onto ``value``.

    Args:
        statistic: of the items with these indices.
        count: number of items.
        value: the statistic of all of them, each once.
        resamples: 2 or more.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    found = np.array([statistic(random.integers(0, count, count)) for _ in range(resamples)])
    low, high = np.quantile(found - found.mean(), _tails())
    return value + float(low), value + float(high)


def _tails() -> list[float]:
    return [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
