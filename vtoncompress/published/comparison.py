"""Every published cell with ours: the difference in per cent, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtoncompress.published.mapping import Column, Comparison, Row
from vtoncompress.record import QUALITY, Record, check_comparable

NOTHING = ("", "none")


@dataclass(frozen=True)
class Cell:
    """One figure of a published table.

    Attributes:
        row, column: of the published table.
        published: as printed.
        variant: the row of ours that it is held against.
        ours: None where we have no such number.
        difference_pct: of ours from the published one, in per cent of it; None where it would mean nothing.
        reason: why one of these is None.
        errata: what is wrong with the published figure.
        why: what explains the difference.
        comparable: whether ours is of the same kind as the published one, by what the mapping says must agree.
    """

    row: str
    column: str
    published: float
    variant: str
    ours: float | None
    difference_pct: float | None
    reason: str
    errata: tuple[str, ...]
    why: str
    comparable: bool


def compare(comparison: Comparison, records: Sequence[Record]) -> list[Cell]:
    """A cell for every published figure, row by row."""
    mine = {record.variant: record for record in records}
    return [
        _cell(comparison, mine, row, column) for row in comparison.figures.rows for column in comparison.figures.columns
    ]


def _cell(comparison: Comparison, records: Mapping[str, Record], row_name: str, column_name: str) -> Cell:
    column, row = comparison.columns[column_name], comparison.experiment.rows[row_name]
    published = comparison.figures.rows[row_name][column_name]
    dense = comparison.experiment.dense
    variant = dense if column.relative == "dense" else row.steps[-1] if row.steps else ""
    ours, reason = None, column.apart or row.apart
    if (
        column.ours
        and not row.apart
        and not (reason := _absent(records, variant, comparison) or _absent(records, dense, comparison))
    ):
        ours, reason = _measure(column, row, records[variant], records[dense])
    difference, mismatch = None, "" if ours is None else _mismatch(column, records[variant])
    if ours is not None and not (reason := column.apart or mismatch):
        difference, reason = (100 * (ours / published - 1), "") if published else (None, "per cent of 0")
    numbers = dict.fromkeys((*column.errata, *row.errata.get(column_name, ())))
    return Cell(
        row_name, column_name, published, variant, ours, difference, reason,
        tuple(comparison.figures.errata[number] for number in numbers),
        column.why if difference and variant != dense else "", ours is not None and not mismatch,
    )  # fmt: skip


def _absent(records: Mapping[str, Record], variant: str, comparison: Comparison) -> str:
    """Why there is no number of ``variant`` at all; empty where there may be."""
    if variant not in records:
        return f"{variant} was not measured: python experiments/run.py experiment={comparison.experiment.name}"
    return f"{variant} failed: {records[variant].reason}" if records[variant].status == "failed" else ""


def _measure(column: Column, row: Row, record: Record, dense: Record) -> tuple[float | None, str]:
    """Our number in the published unit, or None and the reason."""
    paths = [path.replace("{part}", row.part) for path in column.ours]
    needed = [record] if column.relative in ("value", "dense") else [record, dense]
    for path in paths:
        numbers = [number for one in needed if (number := number_at(one, path)) is not None]
        if len(numbers) < len(needed):
            continue
        if len(needed) == 1:
            return numbers[0] * column.scale, ""
        if mixed := _mixed(path, needed):
            return None, mixed
        first, last = numbers
        if last == 0:
            return None, f"the dense row's {path.rpartition('.')[2]} is 0"
        if column.relative == "ratio":
            return (last / first, "") if first else (None, f"the row's {path.rpartition('.')[2]} is 0")
        return 100 * first / last - (100 if column.relative == "increase" else 0), ""
    reasons = [one.missing[key] for one in needed for path in paths if (key := path.rpartition(".")[2]) in one.missing]
    return None, reasons[0] if reasons else f"no {paths[0].rpartition('.')[2]} was measured"


def _mixed(path: str, records: Sequence[Record]) -> str:
    """Why these must not be compared in what ``path`` names; empty where they may."""
    if path.rpartition(".")[2] not in QUALITY:
        return ""
    try:
        check_comparable(records)
    except ValueError as error:
        return str(error)
    return ""


def _mismatch(column: Column, record: Record) -> str:
    """In what our figure is of another kind than the published one; empty where it is of the same."""
    differing = [
        f"{path.removeprefix('trust.').removeprefix('config.')} is {_told(found)} here and {_told(wanted)} there"
        for path, wanted in column.where.items()
        if (found := value_at(record, path)) != wanted
    ]
    if column.tuned and record.pruning not in NOTHING and record.finetuning in NOTHING:
        differing.append(f"{record.variant} was not trained after its pruning here, and its counterpart was there")
    return f"not comparable: {'; '.join(differing)}" if differing else ""


def _told(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else "unknown" if value is None else str(value)


def number_at(record: Record, path: str) -> float | None:
    """The number at a dotted path in a record; None where there is none."""
    found = value_at(record, path)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def value_at(record: Record, path: str) -> Any:
    """What is at a dotted path in a record, whose keys may have dots themselves; None where there is nothing."""
    return _within(vars(record), path)


def _within(value: Any, path: str) -> Any:
    if not path:
        return value
    if not isinstance(value, Mapping):
        return None
    keys = (key for key in value if f"{path}.".startswith(f"{key}."))
    found = (_within(value[key], path[len(key) + 1 :]) for key in keys)
    return next((one for one in found if one is not None), None)
