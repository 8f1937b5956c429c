"""A curve is the means over equal shares of the steps, whatever interrupts them."""

from __future__ import annotations

import pytest

from vtoncompress.finetuning.curve import POINTS, Curve


@pytest.mark.parametrize("steps", [3, 64, 150])
def test_means_over_shares_of_the_steps(steps: int) -> None:
    curve = Curve(steps)
    for step in range(steps):
        if step == 2:
            kept, curve = curve.state(), Curve(steps)
            curve.restore(kept)
        curve.add(step, {"flow": float(step), "picture": 1.0})
    points = curve.points()
    assert len(points["step"]) == min(POINTS, steps)
    assert points["step"][-1] == steps
    begin = 0
    for end, mean in zip(points["step"], points["flow"], strict=True):
        assert mean == pytest.approx(sum(range(begin, int(end))) / (end - begin), rel=1e-3)
        begin = int(end)
    assert set(points["picture"]) == {1.0}


def test_what_was_not_kept_is_left_out() -> None:
    curve = Curve(4)
    curve.restore({})
    curve.add(3, {"flow": 0.123456})
    assert curve.points() == {"step": [4], "flow": [0.1235]}
    assert Curve(4).points() == {"step": []}
