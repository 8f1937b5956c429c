from __future__ import annotations

import pytest

from vtoncompress.finetuning.schedule import Schedule


def test_a_cosine_falls_from_the_peak_to_zero() -> None:
    cosine = Schedule("cosine", 2, 0.5)
    assert [cosine.factor(step, 8) for step in (0, 4, 8)] == pytest.approx([0.5, 0.5, 0])
    assert cosine.factor(1, 1000) == pytest.approx(1, abs=1e-5)


def test_a_line_is_constant_and_then_falls_straight_to_zero() -> None:
    linear = Schedule("linear", 2, 0.25)
    assert [linear.factor(step, 16) for step in range(17)] == pytest.approx([0.5, *[1] * 12, 0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize(
    "options, message",
    [
        (("step", 0, 0.5), "finetuning.schedule=step: choose one of cosine, linear"),
        (("linear", -1, 0.5), "finetuning.warmup=-1: use 0 or more"),
        (("linear", 0, 0.0), "finetuning.decay=0.0: give a share"),
        (("linear", 0, 1.5), "finetuning.decay=1.5: give a share"),
    ],
)
def test_mistakes(options: tuple[str, int, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(*options)
