"""A mean over pictures that knows why it can't be taken."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from vtoncompress.metric.base import Measurement
from vtoncompress.metric.bootstrap import INTERVAL, mean_interval


class Tally:
    """One number a picture under one column name; a picture without one leaves the whole column without a mean.

    A mean over the pictures that happen to have a truth would stand in one column with means over all of them.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        self._values: list[float] = []
        self._reasons: Counter[str] = Counter()

    def add(self, values: Iterable[float]) -> None:
        """One finite number for each picture."""
        self._values.extend(float(value) for value in values)

    def refuse(self, reason: str, pictures: int = 1) -> None:
        """These pictures have no number, and why."""
        self._reasons[reason] += pictures

    def compute(self) -> Measurement:
        """The mean, exactly rounded so that it does not depend on how the pictures were batched, and its interval."""
        if self._reasons:
            count = len(self._values) + self._reasons.total()
            reasons = "; ".join(f"{reason} ({n} of {count} pairs)" for reason, n in self._reasons.items())
            return Measurement(missing={self.column: reasons})
        if not self._values:
            return Measurement(missing={self.column: "no pairs"})
        interval = {self.column: list(mean_interval(self._values))}
        return Measurement({self.column: math.fsum(self._values) / len(self._values)}, details={INTERVAL: interval})
