"""Intervals hold what they promise, and are the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from vtoncompress.metric.bootstrap import independent_interval, mean_interval, statistic_interval


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    error = 1.96 * values.std() / 20
    assert mean_interval(values.tolist()) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.03)
    assert mean_interval(values.tolist()) == mean_interval(values.tolist())
    assert mean_interval([3.0]) == (3, 3)


def test_19_of_20_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(2)
    draws = [random.exponential(1, 80).tolist() for _ in range(150)]
    held = [low < 1 < high for low, high in (mean_interval(draw, 200) for draw in draws)]
    assert 0.88 < np.mean(held) < 0.99


def test_a_biased_statistic_lies_within_its_interval() -> None:
    values = np.random.default_rng(3).normal(0, 1, 50)

    def distinct(drawn: np.ndarray) -> float:
        """Of a resample, two thirds: far from the 50 of the values themselves."""
        return float(len(np.unique(values[drawn])))

    low, high = statistic_interval(distinct, 50, 50.0, 100)
    assert 40 < low < 50 < high < 60


def test_two_sets_drawn_apart_scatter_as_the_difference_of_their_means_does() -> None:
    random = np.random.default_rng(4)
    first, second = random.normal(5, 2, 400), random.normal(1, 3, 100)

    def apart(drawn: np.ndarray, others: np.ndarray) -> float:
        return float(first[drawn].mean() - second[others].mean())

    value, error = first.mean() - second.mean(), 1.96 * np.hypot(first.std() / 20, second.std() / 10)
    found = independent_interval(apart, (400, 100), value, 1000)
    assert found == pytest.approx((value - error, value + error), abs=0.08)
