"""Which channels go together, for importances that are known."""

from __future__ import annotations

import pytest
import torch

from vtoncompress.pruning.division import HALVES, HEAD_WIDTHS, HEADS, NORM_GROUPS, UNDIVIDED, Division

IMPORTANCE = torch.tensor([4.0, 1, 3, 2, 8, 5, 6, 7])


@pytest.mark.parametrize(
    "division, scores, channels, size",
    [
        (UNDIVIDED, IMPORTANCE.tolist(), [[n] for n in range(8)], 1),
        (Division(HEADS, 2), [2.5, 6.5], [[0, 1, 2, 3], [4, 5, 6, 7]], 4),
        (Division(HALVES, 2), [6, 3, 4.5, 4.5], [[0, 4], [1, 5], [2, 6], [3, 7]], 1),
        (Division(NORM_GROUPS, 2), [3, 4, 5, 6], [[1, 5], [3, 6], [2, 7], [0, 4]], 2),
        (Division(HEAD_WIDTHS, 2), [3, 4, 5, 6], [[1, 5], [3, 6], [2, 7], [0, 4]], 1),
    ],
)
def test_units(division: Division, scores: list[float], channels: list[list[int]], size: int) -> None:
    found, held = division.unite(IMPORTANCE)
    assert found.tolist() == scores
    assert held.tolist() == channels
    assert division.units(8) == len(scores)
    assert division.size(8) == size
