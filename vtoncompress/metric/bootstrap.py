"""How far a number would move had other test pairs been drawn: bootstrap confidence intervals (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 1000
INTERVAL = "interval_95"
"""Under which a measurement's details hold column -> [low, high]."""
DRAWS = "interval_95_draws"
"""Under which they hold column -> what was drawn anew, or why there is no interval."""
PAIRED = "pairs, a prediction with its person"
INDEPENDENT = "predictions and references apart, for they show no pairs"


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
    return around(value, [statistic(random.integers(0, count, count)) for _ in range(resamples)])


def independent_interval(
    statistic: Callable[[NDArray[np.int64], NDArray[np.int64]], float],
    counts: tuple[int, int],
    value: float,
    resamples: int,
    seed: int = 0,
) -> tuple[float, float]:
    """As :func:`statistic_interval`, of two sets that are each drawn for themselves.

    Args:
        statistic: of the items of either set with these indices.
        counts: number of items of either.
        value: the statistic of all of them, each once.
        resamples: 2 or more.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    draws = ([random.integers(0, count, count) for count in counts] for _ in range(resamples))
    return around(value, [statistic(first, second) for first, second in draws])


def around(value: float, resampled: Sequence[float]) -> tuple[float, float]:
    """Percentile interval at 95 % confidence of the scatter of ``resampled``, moved onto ``value``."""
    found = np.asarray(resampled)
    low, high = np.quantile(found - found.mean(), _tails())
    return value + float(low), value + float(high)


def _tails() -> list[float]:
    return [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
