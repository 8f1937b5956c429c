"""What is made of the samples; no time is asserted."""

from __future__ import annotations

import pytest

from vtoncompress.clock import ratio_by_turn, turn_medians


def test_a_host_that_is_half_as_fast_for_some_turns_leaves_the_ratio() -> None:
    fast, slow = [10.0, 10.1, 9.9], [20.0, 20.2, 19.8]
    own = fast * 2 + slow * 3
    baseline = [5 * sample for sample in own]
    assert ratio_by_turn(baseline, own, turn=3) == pytest.approx(5)
    # A slow one of the other network's calls alone is no more than one turn of many.
    baseline[:3] = [100.0] * 3
    assert ratio_by_turn(baseline, own, turn=3) == pytest.approx(5)


def test_a_turn_counts_by_its_median() -> None:
    assert turn_medians([1.0, 9.0, 2.0, 4.0, 4.0, 4.0], 3) == [2.0, 4.0]
    with pytest.raises(ValueError, match="shorter|longer"):
        ratio_by_turn([1.0] * 6, [1.0] * 9, turn=3)
