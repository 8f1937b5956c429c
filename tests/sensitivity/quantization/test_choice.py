from __future__ import annotations

import pytest

from vtoncompress.sensitivity.quantization.analysis import Attempt, Point
from vtoncompress.sensitivity.quantization.choice import by_harm, choose

NAMES = [f"layer{number}" for number in range(9)]


def point(name: str, loss: float, difference: float = 1.0, always: bool = False) -> Point:
    return Point(name, (name,), always, {"picture_difference": difference}, loss)


def test_the_most_harmful_come_first_and_coordinates_not_at_all() -> None:
    points = [point("a", 0.1), point("b", 0.3), point("c", 0.1, 2.0), point("flow", 0.9, always=True), point("d", -0.1)]
    assert by_harm(points) == ["b", "c", "a", "d"]


@pytest.mark.parametrize("needed", range(10))
def test_fewest_are_kept_and_each_attempt_is_measured_once(needed: int) -> None:
    asked: list[int] = []

    def measure(kept: tuple[str, ...]) -> Attempt:
        assert list(kept) == NAMES[: len(kept)]
        asked.append(len(kept))
        return Attempt(kept, {}, 0.0 if len(kept) >= needed else 0.5)

    attempts = choose(NAMES, 0.1, measure)
    assert [len(one.kept) for one in attempts] == sorted(asked)
    assert len(asked) == len(set(asked)) <= 8
    assert min(len(one.kept) for one in attempts if one.loss <= 0.1) == needed
    assert needed == 0 or needed - 1 in asked  # one fewer was tried, and lost too much
