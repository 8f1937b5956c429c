"""Masks without a network, against those that are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.masking.plain_background import PlainBackground


@pytest.fixture(scope="module")
def people() -> list[Pair]:
    return Synthetic("test", 6, 128, 96)[:]


def test_the_known_mask_covers_what_changes_and_leaves_the_rest(people: list[Pair]) -> None:
    for pair in people:
        assert pair.agnostic_mask is not None
        assert pair.region is not None
        assert pair.truth is not None
        painted, garment = pair.agnostic_mask >= 128, pair.region >= 128
        changed = np.abs(pair.truth.astype(int) - pair.person).max(2) > 24
        assert (garment & painted).sum() > 0.95 * garment.sum()
        assert (changed & painted).sum() > 0.93 * changed.sum()
        assert 0.1 < painted.mean() < 0.5


def test_the_outline_gives_about_the_known_mask(people: list[Pair]) -> None:
    masker = PlainBackground()
    overlaps = []
    for pair in people:
        found, known = masker(pair.person) >= 128, pair.agnostic_mask >= 128  # type: ignore[operator]
        overlaps.append((found & known).sum() / (found | known).sum())
    assert min(overlaps) > 0.6
    assert np.mean(overlaps) > 0.75


def test_upper_and_lower_make_overall(people: list[Pair]) -> None:
    upper, lower, overall = (PlainBackground(kind)(people[0].person) >= 128 for kind in ("upper", "lower", "overall"))
    assert ((upper | lower) & overall).sum() > 0.98 * overall.sum()
    assert np.flatnonzero(lower.any(1))[0] > np.flatnonzero(upper.any(1))[0]
    assert np.flatnonzero(lower.any(1))[-1] >= np.flatnonzero(upper.any(1))[-1]


def test_a_crowded_background_is_one_line() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    with pytest.raises(ValueError, match="does not stand before a plain background; give the mask with person_mask"):
        PlainBackground()(noise)


@pytest.mark.parametrize(("garment", "margin"), [("hat", 0.0), ("upper", 0.5)])
def test_an_option_out_of_range_is_one_line(garment: str, margin: float) -> None:
    with pytest.raises(ValueError, match="masking"):
        PlainBackground(garment, margin)
