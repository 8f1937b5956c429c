"""Times of rows that were measured at different hours, brought to one clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vtoncompress.record import Record

TIMES = ("latency", "fps", "speedup")
"""How the names of the columns begin that a machine's hour decides."""


def is_time(column: str) -> bool:
    """Whether the hour and the machine decide it."""
    return column.startswith(TIMES)


def any_time(columns: Iterable[str]) -> bool:
    """Whether one of them :func:`is_time`."""
    return any(is_time(column) for column in columns)


def on_the_clock_of(dense: Record, record: Record) -> Record:
    """``record`` with the times it would have had when ``dense`` was timed.

    A machine is faster one hour than the next. Every row was timed in turns with the same baseline, which tells by how
    much; rows without one stay as they are.
    """
    now, then = (one.details.get("speed", {}).get("baseline_latency_ms_p50") for one in (dense, record))
    if not now or not then:
        return record
    factors = {"latency": now / then, "fps": then / now}
    scaled = {name: value * factors.get(name.partition("_")[0], 1.0) for name, value in record.values.items()}
    return replace(record, values=scaled)
