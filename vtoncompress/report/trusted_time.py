"""Times that can't stand beside the others: disturbed while they were taken, or of another machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vtoncompress.disturbance import disturbed
from vtoncompress.record import Record, machine_of
from vtoncompress.report.axes import Axis, measured


def untrusted(group: Sequence[Record], cost: Axis) -> frozenset[str]:
    """Variants whose ``cost`` is hollow in figures and in no front: none unless it is a time.

    Of several machines the one on which most rows were timed counts, and of equally many the first.
    """
    if not cost.is_time:
        return frozenset()
    timed = measured(group, cost)
    usual = Counter(map(machine_of, timed)).most_common(1)
    elsewhere = {one.variant for one in timed if machine_of(one) != usual[0][0]}
    return frozenset(disturbed(group)) | elsewhere
