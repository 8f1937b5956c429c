"""The rows of one protocol as the page sorts and filters them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vtoncompress.record import Record
from vtoncompress.table import Table

GROUPS = (
    "role", "status", "experiment", "model", "scope", "criterion", "pruning", "pruning_ratio", "finetuning",
    "quantization", "quantization_scope", "sampling", "runtime", "seed",
)  # fmt: skip
FIRST = ("ssim_garment", "latency_ms_p50", "speedup", "size_mib", "gmacs")
"""What a recipe is chosen by; the other numbers follow in the table's order."""


@dataclass(frozen=True)
class Cell:
    """What is read, and what it is sorted by: a number, or text in small letters, nothing where nothing is known."""

    text: str
    key: str


@dataclass(frozen=True)
class Row:
    """A record in the page."""

    record: Record
    label: str
    best: bool
    groups: dict[str, str]
    choices: list[Cell]
    numbers: list[Cell]


@dataclass(frozen=True)
class Sortable:
    """A table whose rows may be hidden and ordered.

    Attributes:
        choices: groups that tell rows apart, as columns.
        headers: of the numbers.
        first: how many of these come before the choices, being what a recipe is chosen by.
        filters: group -> its values, of what tells rows apart.
        constant: group -> the value that all variants share.
    """

    title: str
    rows: list[Row]
    choices: list[str]
    headers: list[str]
    first: int
    filters: dict[str, list[str]]
    constant: dict[str, str]
    notes: list[str] = field(default_factory=list)


def to_sortable(table: Table, best: Sequence[Record]) -> Sortable:
    """``best`` are the rows that dominate."""
    told = [{group: _group(one, group) for group in GROUPS} for one in table.records]
    variants = [groups for groups, one in zip(told, table.records, strict=True) if one.role == "variant"]
    values = {group: sorted({groups[group] for groups in told} - {""}) for group in GROUPS}
    # A scope that every pruned row has tells no rows apart, though the dense ones have none.
    varied = {group: len({groups[group] for groups in variants} - {""}) > 1 for group in GROUPS}
    choices = [group for group in GROUPS[2:] if varied[group]]
    shared = {group: next((row[group] for row in variants if row[group]), "") for group in GROUPS[2:]}
    names = {one.variant for one in best}
    order = sorted(range(len(table.columns)), key=lambda place: _place(table.columns[place].key))
    rows = [
        Row(
            one, cells[0], one.variant in names, groups,
            [Cell(groups[group], groups[group].lower()) for group in choices],
            [_number(one, table.columns[place].key, cells[place + 1]) for place in order],
        )
        for one, cells, groups in zip(table.records, table.rows, told, strict=True)
    ]  # fmt: skip
    return Sortable(
        table.title, rows, choices, [table.columns[place].header for place in order],
        sum(column.key in FIRST for column in table.columns),
        {group: values[group] for group in GROUPS if len(values[group]) > 1},
        {group: value for group, value in shared.items() if value and not varied[group]},
        [*table.captions, *table.notes],
    )  # fmt: skip


def _place(key: str) -> int:
    return FIRST.index(key) if key in FIRST else len(FIRST)


def _group(record: Record, group: str) -> str:
    if group == "experiment":
        return str(record.details.get(group, ""))
    value = getattr(record, group)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _number(record: Record, key: str, text: str) -> Cell:
    value = record.values.get(key)
    return Cell(text, "" if value is None else repr(value))
