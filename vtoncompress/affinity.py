"""Which cores a measurement runs on. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

KNOWN = hasattr(os, "sched_getaffinity")
"""Whether this system lets a process choose its cores."""


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if KNOWN else list(range(os.cpu_count() or 1))


@contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """Keep this process, and what it starts, on as many cores as it has threads: the first ones it may use.

    Threads that run already stay where they were, and so does everything where a system knows no such choice.

    Raises:
        ValueError: there are fewer cores.
    """
    before = usable_cores()
    if threads > len(before):
        raise ValueError(f"threads={threads}: this process may use {len(before)}")
    cores = before[:threads]
    if KNOWN:
        os.sched_setaffinity(0, cores)
    try:
        yield cores
    finally:
        if KNOWN:
            os.sched_setaffinity(0, before)
