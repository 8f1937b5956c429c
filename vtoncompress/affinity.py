"""Which cores a measurement runs on. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KNOWN = hasattr(os, "sched_getaffinity")
"""Whether this system lets a process choose its cores."""
TOPOLOGY = Path("/sys/devices/system/cpu")
"""Where Linux tells which of them are two threads of one physical core."""


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if KNOWN else list(range(os.cpu_count() or 1))


def spread_out(cores: Sequence[int], topology: Path = TOPOLOGY) -> list[int]:
    """The same numbers, one of each physical core before any core's second one, which would have to share it."""
    first: list[int] = []
    others: list[int] = []
    seen: set[str] = set()
    for core in cores:
        told = topology / f"cpu{core}" / "topology" / "thread_siblings_list"
        siblings = told.read_text().strip() if told.is_file() else str(core)
        (others if siblings in seen else first).append(core)
        seen.add(siblings)
    return first + others


@contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """Keep this process, and what it starts, on as many cores as it has threads: those it may use, physical ones first.

    Threads that run already stay where they were, and so does everything where a system knows no such choice.

    Raises:
        ValueError: there are fewer cores, or no thread.
    """
    before = usable_cores()
    if threads < 1:
        raise ValueError(f"threads={threads}: use 1 or more")
    if threads > len(before):
        raise ValueError(f"threads={threads}: this process may use {len(before)}")
    cores = sorted(spread_out(before)[:threads])
    if KNOWN:
        os.sched_setaffinity(0, cores)
    try:
        yield cores
    finally:
        if KNOWN:
            os.sched_setaffinity(0, before)
