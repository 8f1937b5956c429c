"""How the learning rate goes with the steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

SCHEDULES = ("cosine", "linear")


@dataclass(frozen=True)
class Schedule:
    """A factor on the peak rate for every step.

    Args:
        kind: ``cosine`` falls to zero along half a wave; ``linear`` stays constant and then falls to zero in a straight
            line, as PF-AFN was trained.
        warmup: steps over which the factor first rises, in a straight line as well.
        decay: share of the steps, the last ones, in which ``linear`` falls; more than 0, at most 1.

    Raises:
        ValueError: an option out of range.
    """

    kind: str
    warmup: int
    decay: float

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise ValueError(f"finetuning.schedule={self.kind}: choose one of {', '.join(SCHEDULES)}")
        if self.warmup < 0:
            raise ValueError(f"finetuning.warmup={self.warmup}: use 0 or more")
        if not 0 < self.decay <= 1:
            raise ValueError(f"finetuning.decay={self.decay}: give a share of the steps, more than 0 and at most 1")

    def factor(self, step: int, steps: int) -> float:
        """Of step ``step`` of ``steps``, counted from 0."""
        done = min(step / steps, 1)
        fall = 0.5 + 0.5 * math.cos(math.pi * done) if self.kind == "cosine" else min(1.0, (1 - done) / self.decay)
        return min(1.0, (step + 1) / max(1, self.warmup)) * fall
