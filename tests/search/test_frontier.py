from __future__ import annotations

import numpy as np
import pytest

from vtoncompress.search.frontier import hypervolume, non_dominated


@pytest.mark.parametrize(
    "points, reference, volume",
    [
        ([], (1, 1), 0),
        ([(0.25,), (0.5,)], (1,), 0.75),
        ([(0, 0)], (2, 3), 6),
        ([(1, 3), (2, 2), (3, 1)], (4, 4), 6),
        ([(1, 3), (2, 2), (3, 1), (3, 3), (2, 2)], (4, 4), 6),
        ([(5, 0), (0, 4)], (4, 4), 0),
        ([(0, 0, 0)], (1, 2, 3), 6),
        ([(0, 0, 1), (1, 1, 0)], (2, 2, 2), 5),
        ([(0, 1, 1), (1, 0, 1), (1, 1, 0)], (2, 2, 2), 4),
    ],
)
def test_volumes_that_are_counted_by_hand(
    points: list[tuple[float, ...]], reference: tuple[float, ...], volume: float
) -> None:
    assert hypervolume(points, reference) == volume


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_volumes_agree_with_a_count_of_cells(dimensions: int) -> None:
    """Points on a grid of ten cells a side; a cell counts if some point is at its lower corner or below."""
    points = np.random.default_rng(dimensions).integers(0, 10, size=(12, dimensions))
    cells = np.stack(np.meshgrid(*[np.arange(10)] * dimensions), -1).reshape(-1, 1, dimensions)
    counted = int((cells >= points).all(-1).any(-1).sum())
    assert hypervolume([tuple(map(float, point)) for point in points], [10.0] * dimensions) == counted


def test_the_frontier_is_what_nothing_beats() -> None:
    points = [(1, 5), (2, 2), (3, 3), (2, 2), (5, 1), (5, 2), (1, 6)]
    assert non_dominated(points) == [0, 1, 3, 4]
    assert non_dominated([]) == []
