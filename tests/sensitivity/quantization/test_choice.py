from __future__ import annotations

import pytest

from vtoncompress.sensitivity.quantization.analysis import Attempt, Point, losses, spent
from vtoncompress.sensitivity.quantization.choice import by_harm, choose

NAMES = [f"layer{number}" for number in range(9)]


def point(name: str, spent: float, difference: float = 1.0, always: bool = False) -> Point:
    return Point(name, (name,), always, {"picture_difference": difference}, {}, spent)


def test_the_most_harmful_come_first_and_coordinates_not_at_all() -> None:
    points = [point("a", 0.1), point("b", 0.3), point("c", 0.1, 2.0), point("flow", 0.9, always=True), point("d", -0.1)]
    assert by_harm(points) == ["b", "c", "a", "d"]


def test_the_measure_with_least_left_counts() -> None:
    budget = {"ssim_garment": 0.002, "ssim": 0.004}
    lost = losses({"ssim_garment": 0.8, "ssim": 0.9, "psnr": 20}, {"ssim_garment": 0.801, "ssim": 0.898, "psnr": 1})
    assert lost == pytest.approx({"ssim_garment": -0.001, "ssim": 0.002})
    assert spent(lost, budget) == pytest.approx(0.5)
    assert spent({"ssim_garment": 0.003, "ssim": 0.002}, budget) == pytest.approx(1.5)


@pytest.mark.parametrize("needed", range(10))
def test_fewest_are_kept_and_each_attempt_is_measured_once(needed: int) -> None:
    asked: list[int] = []

    def measure(kept: tuple[str, ...]) -> Attempt:
        assert list(kept) == NAMES[: len(kept)]
        asked.append(len(kept))
        return Attempt(kept, {}, {}, 1.0 if len(kept) >= needed else 1.5)

    attempts = choose(NAMES, measure)
    assert [len(one.kept) for one in attempts] == sorted(asked)
    assert len(asked) == len(set(asked)) <= 8
    assert min(len(one.kept) for one in attempts if one.spent <= 1) == needed
    assert needed == 0 or needed - 1 in asked  # one fewer was tried, and lost too much
