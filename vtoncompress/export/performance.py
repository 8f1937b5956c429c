"""What a runtime sets its threads and streams for: the answer to one call, or as many answers as possible."""

from __future__ import annotations

from vtoncompress.affinity import usable_cores

LATENCY, THROUGHPUT = "latency", "throughput"
CHOICES = (LATENCY, THROUGHPUT)
"""``latency``: every call has all threads. ``throughput``: as many calls side by side as there are threads, with one
thread each. Precision is float32 under both where a network isn't quantized: bfloat16 moves flows by pixels."""


def check_performance(choice: str) -> None:
    """ValueError for what is none of :data:`CHOICES`."""
    if choice not in CHOICES:
        raise ValueError(f"performance={choice} is unknown: choose {' or '.join(CHOICES)}")


def streams(performance: str, threads: int | None) -> int:
    """How many calls are computed side by side.

    Args:
        performance: one of :data:`CHOICES`.
        threads: null for as many as this process may use.
    """
    check_performance(performance)
    return 1 if performance == LATENCY else threads or len(usable_cores())
