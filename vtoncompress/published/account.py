"""What became of every published cell, over all our experiments that a table is held against."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from vtoncompress.columns import Column
from vtoncompress.published.comparison import Cell, compare
from vtoncompress.published.figures import Figures, read_figures, read_mapping
from vtoncompress.published.mapping import FOLDER, Comparison, read_comparisons
from vtoncompress.record import Record, write_text
from vtoncompress.table import Table, to_latex, to_markdown

NAME = "account"
AGREES_PCT = 1.0
RECOMPUTED, MEASURED, WAITING, INCONSISTENT, OPEN = (
    "recomputed", "measured", "waits for your weights", "inconsistent as printed", "open"
)  # fmt: skip
STATES = {
    RECOMPUTED: f"our network has the printed figure within {AGREES_PCT:g} %",
    MEASURED: "ours stands beside it, with the difference or with the reason why none is drawn",
    INCONSISTENT: "an erratum says what it contradicts; ours stands beside it",
    WAITING: "needs weights and data that are yours to bring; the command stands beside it",
    OPEN: "nothing of ours stands beside it yet",
}


@dataclass(frozen=True)
class Accounted:
    """A published cell and its state, one of :data:`STATES`; ``note``: which experiment shows it, or what to run."""

    table: str
    row: str
    column: str
    published: float
    state: str
    ours: float | None
    difference_pct: float | None
    note: str


def account(file: str, read: Callable[[str], Sequence[Record]], folder: Path = FOLDER) -> list[Accounted]:
    """Every cell of all tables of ``folder``/``file``.yaml.

    Args:
        file: name without its ending.
        read: the records of an experiment by its name; empty where there are none.
        folder: of published figures.
    """
    document = read_mapping(folder / f"{file}.yaml")
    tables = [name for name, content in document.items() if isinstance(content, dict) and "rows" in content]
    names = sorted({name for path in (folder / "comparisons").glob("*.yaml") for name in _experiments(path)})
    comparisons = [(one, read(name)) for name in names for one in read_comparisons(name, folder)]
    accounted: list[Accounted] = []
    for table in tables:
        figures = read_figures(folder, f"{file}.{table}")
        mine = [(one, records) for one, records in comparisons if one.figures.name == figures.name]
        accounted += _of_table(table, figures, mine)
    return accounted


def _experiments(path: Path) -> list[str]:
    return list(read_mapping(path).get("experiments", {}))


def _of_table(
    table: str, figures: Figures, comparisons: Sequence[tuple[Comparison, Sequence[Record]]]
) -> list[Accounted]:
    found = [(one, {(cell.row, cell.column): cell for cell in compare(one, records)}) for one, records in comparisons]
    accounted = []
    for row, cells in figures.rows.items():
        for column, published in cells.items():
            candidates = [(one, mine[row, column]) for one, mine in found]
            accounted.append(_of_cell(table, row, column, published, candidates))
    return accounted


def _of_cell(
    table: str, row: str, column: str, published: float, candidates: Sequence[tuple[Comparison, Cell]]
) -> Accounted:
    """The state by the experiment that says most.

    One with a difference comes before one with a number of the same kind, before one with a number, before none.
    """
    if not candidates:
        return Accounted(table, row, column, published, OPEN, None, None, "no experiment of ours is held against it")
    one, cell = max(candidates, key=lambda pair: _telling(pair[1]))
    waits = any(two.columns[column].waits for two, _ in candidates)
    if cell.difference_pct is not None and abs(cell.difference_pct) <= AGREES_PCT:
        state = RECOMPUTED
    elif _contradicted(one, row, column) and cell.ours is not None:
        state = INCONSISTENT
    elif cell.difference_pct is None and waits:
        state = WAITING
    else:
        state = MEASURED if cell.ours is not None else OPEN
    note = f"results/{one.experiment.name}" if cell.ours is not None else ""
    if state == WAITING:
        note = " ".join(dict.fromkeys(two.columns[column].waits for two, _ in candidates))
    elif told := cell.reason or (cell.why if state == MEASURED else ""):
        note = f"{note}: {told}" if note else told
    ours = cell.ours if cell.comparable or state != WAITING else None  # a number of another protocol fills no such cell
    return Accounted(table, row, column, published, state, ours, cell.difference_pct, note)


def _telling(cell: Cell) -> tuple[bool, ...]:
    return cell.difference_pct is not None, cell.comparable, cell.ours is not None


def _contradicted(comparison: Comparison, row: str, column: str) -> bool:
    told = comparison.columns[column]
    return (bool(told.errata) and told.contradicts) or column in comparison.experiment.rows[row].errata


def write_account(accounted: Sequence[Accounted], folder: Path) -> Table:
    """Write account.md, .tex and .csv to ``folder``, and return the table of counts."""
    counts = _counts(accounted)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Accounted)])
    writer.writerows([_values(one) for one in accounted])
    write_text(folder / f"{NAME}.csv", text.getvalue())
    write_text(folder / f"{NAME}.md", to_markdown(counts) + "\n" + to_markdown(_cells(accounted)))
    write_text(folder / f"{NAME}.tex", "% needs \\usepackage{booktabs}\n" + to_latex(counts))
    return counts


def _values(one: Accounted) -> list[Any]:
    return [getattr(one, field.name) for field in fields(Accounted)]


def _counts(accounted: Sequence[Accounted]) -> Table:
    tables = list(dict.fromkeys(one.table for one in accounted))
    counted = {table: Counter(one.state for one in accounted if one.table == table) for table in tables}
    counted["all"] = Counter(one.state for one in accounted)
    headers = ("cells", *STATES)
    rows = [
        [table, str(states.total()), *(str(states[state]) for state in STATES)] for table, states in counted.items()
    ]
    return Table(
        f"{len(accounted)} published cells",
        [],
        tuple(Column(header, header, 0) for header in headers),
        rows,
        [f"{state}: {told}." for state, told in STATES.items()],
        [],
        labels="published table",
    )


def _cells(accounted: Sequence[Accounted]) -> Table:
    notes: dict[str, int] = {}
    rows = [
        [
            f"{one.table}, {one.row}: {one.column}", f"{one.published:.10g}",
            "–" if one.ours is None else f"{one.ours:.4g}",
            "–" if one.difference_pct is None else f"{one.difference_pct:+.1f}", one.state,
            str(notes.setdefault(one.note, len(notes) + 1)) if one.note else "",
        ]
        for one in accounted
    ]  # fmt: skip
    headers = ("published", "ours", "difference (%)", "state", "note")
    return Table(
        "Every published cell",
        [],
        tuple(Column(header, header, 0) for header in headers),
        rows,
        [],
        [f"({number}) {text}" for text, number in notes.items()],
        labels="published cell",
    )
