"""Confidence intervals of a record's figures, as its metrics left them in the details."""

from __future__ import annotations

from collections.abc import Iterable

from vtoncompress.columns import Column
from vtoncompress.metric.bootstrap import INTERVAL
from vtoncompress.record import Record

ENDS = ("low", "high")


def intervals(record: Record) -> dict[str, tuple[float, float]]:
    """Column -> low and high end of its 95 % interval, of those that have one."""
    told = [details.get(INTERVAL, {}) for details in record.details.values() if isinstance(details, dict)]
    return {name: (low, high) for one in told for name, (low, high) in one.items()}


def interval_cells(record: Record) -> dict[str, float]:
    """``ssim_low``, ``ssim_high`` and so on."""
    return {
        f"{name}_{end}": value
        for name, both in intervals(record).items()
        for end, value in zip(ENDS, both, strict=True)
    }


def interval_lines(record: Record, columns: Iterable[Column]) -> list[str]:
    """The figures that have an interval, in words."""
    known, lines = intervals(record), []
    for column in columns:
        if column.key in known and column.key in record.values:
            value, low, high = (
                f"{number:.{column.decimals}f}" for number in (record.values[column.key], *known[column.key])
            )
            lines.append(f"{column.header}: {value}, 95 % of resamples within {low} to {high}")
    return lines
