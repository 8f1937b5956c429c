"""Times of rows that were measured at different hours, brought to one clock."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from dataclasses import replace

from vtoncompress.record import Record

DURATION = re.compile(r"(^|_)(latency|ms|s)(_|$)")
RATE = re.compile(r"(^|_)fps(_|$)")
RATIO = re.compile(r"(^|_)speedup(_|$)")
"""How the columns are called that a machine's hour decides: times, calls in a time, and ratios of times."""


def is_time(column: str) -> bool:
    """Whether the hour and the machine decide it."""
    return any(kind.search(column) for kind in (DURATION, RATE, RATIO))


def any_time(columns: Iterable[str]) -> bool:
    """Whether one of them :func:`is_time`."""
    return any(is_time(column) for column in columns)


def on_the_clock_of(dense: Record, record: Record) -> Record:
    """``record`` with the times it would have had when ``dense`` was timed.

    A machine is faster one hour than the next. Every row was timed in turns with the same baseline, which tells by how
    much; rows without one, or with another one, stay as they are, and so do ratios.
    """
    (kind, now), (other, then) = (_baseline(one) for one in (dense, record))
    if kind != other or not now or not then:
        return record
    scaled = {name: value * _factor(name, now / then) for name, value in record.values.items()}
    return replace(record, values=scaled)


def _baseline(record: Record) -> tuple[str, float | None]:
    """What was timed in turns with the row, and its milliseconds: of a model in steps a step, or else a call.

    A call of such a model may be of any number of steps; a step without guidance is half of one with it.
    """
    if steps := record.details.get("steps"):
        guided = (steps.get("baseline_sampling") or {}).get("guidance", 1.0) != 1.0
        return "guided step" if guided else "step", statistics.median(steps["baseline_step_ms"])
    call = record.details.get("speed", {}).get("baseline_latency_ms_p50")
    return "call", None if call is None else float(call)


def _factor(column: str, slower: float) -> float:
    if DURATION.search(column):
        return slower
    return 1 / slower if RATE.search(column) else 1.0
