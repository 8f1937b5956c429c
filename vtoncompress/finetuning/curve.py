"""How the terms of a loss fell, in few enough points for a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

POINTS = 64


@dataclass
class Curve:
    """Means over equal shares of a training, whose number is ``POINTS`` or that of the steps.

    Attributes:
        steps: of the whole training.
        counts: steps that were added, by share.
        sums: of each value, by share.
    """

    steps: int
    counts: list[int] = field(default_factory=list)
    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """The values of a step, 0 being the first; always of the same names."""
        shares = min(POINTS, self.steps)
        if not self.counts:
            self.counts = [0] * shares
            self.sums = {name: [0.0] * shares for name in values}
        share = step * shares // self.steps
        self.counts[share] += 1
        for name, value in values.items():
            self.sums[name][share] += value

    def points(self) -> dict[str, list[float]]:
        """``step``, how many were done at the end of each share, and the mean of each value over it, to four digits.

        Shares of which nothing is known are left out: those before a training was taken up again that kept no curve.
        """
        known = [share for share, count in enumerate(self.counts) if count]
        ends: dict[str, list[float]] = {"step": [-(-(share + 1) * self.steps // len(self.counts)) for share in known]}
        return ends | {
            name: [float(f"{sums[share] / self.counts[share]:.4g}") for share in known]
            for name, sums in self.sums.items()
        }

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` takes."""
        return {"counts": self.counts, "sums": self.sums}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave; from nothing where it is empty."""
        self.counts, self.sums = list(state.get("counts", [])), dict(state.get("sums", {}))
