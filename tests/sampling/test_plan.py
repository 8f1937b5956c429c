"""What each step takes, and what can't be planned."""

from __future__ import annotations

from typing import Any

import pytest

from vtoncompress.sampling.base import Sampling
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.dpm_solver import DPMSolver


def drawn(sampling: Sampling) -> str:
    """A letter a step: large ones are deep, g is guided and s is not."""
    letters = ["g" if step.guided else "s" for step in sampling.plan()]
    return "".join(
        letter.upper() if step.deep else letter for letter, step in zip(letters, sampling.plan(), strict=True)
    )


@pytest.mark.parametrize(
    ("options", "expected", "calls", "pictures"),
    [
        ({}, "GGGGGGGG", (8, 0), 2),
        ({"guidance": 1.0}, "SSSSSSSS", (8, 0), 1),
        ({"guidance_window": [0.0, 0.5]}, "GGGGSSSS", (12, 0), 1),
        ({"guidance_window": [0.25, 0.75]}, "SSGGGGSS", (12, 0), 1),
        ({"reuse": 3}, "GggGggGg", (3, 5), 2),
        ({"reuse": 8}, "Gggggggg", (1, 7), 2),
        # Guidance begins between two deep steps: the half without the garment has no features yet.
        ({"reuse": 4, "guidance_window": [0.25, 0.75]}, "SsGgggSs", (4, 8), 1),
    ],
)
def test_a_plan(options: dict[str, Any], expected: str, calls: tuple[int, int], pictures: int) -> None:
    sampling = DPMSolver(steps=8, **options)
    assert drawn(sampling) == expected
    assert (sampling.calls()[True], sampling.calls()[False]) == calls
    assert sampling.pictures == pictures


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guidance_window": [0.5, 1.5]}, r"guidance_window=\[0.5, 1.5\] lies outside of the steps"),
        ({"guidance_window": [0.5, 0.5]}, "lies outside of the steps: give two shares"),
        ({"guidance_window": [0.5]}, "lies outside of the steps"),
        ({"guidance_window": [0.3, 0.4], "steps": 2}, "holds none of 2 steps: widen it"),
        ({"reuse": 2, "steps": 1}, "sampling.reuse=2 with sampling.steps=1: there is no later step"),
        ({"reuse": 2, "steps": 2, "guidance_window": [0.5, 1.0]}, "sampling.steps=2: there is no later step"),
        ({"reuse": 0}, "sampling.reuse=0, .*: use 1 or more"),
        ({"merging": 0.8}, "sampling.merging=0.8: use 0 "),
        ({"spacing": "even"}, "sampling.spacing=even: choose one of leading, linspace, trailing"),
    ],
)
def test_what_can_not_be_planned_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DDIM(**options)
