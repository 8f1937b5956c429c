"""Comparisons with published tables as tables to read, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from vtoncompress.columns import Column
from vtoncompress.disturbance import disturbance_notes
from vtoncompress.published.comparison import Cell, compare, number_at
from vtoncompress.published.mapping import FOLDER, Comparison, read_comparisons
from vtoncompress.published.recovery import LIKENESS, Recovery, fid_column, recoveries
from vtoncompress.record import Record, write_text
from vtoncompress.table import NOTHING, Table, to_latex, to_markdown

NAME = "published"
MACS = "1 MAC = 2 FLOPs."
RECOVERED = "garment SSIM recovered (%)"


def write_comparisons(records: Sequence[Record], folder: Path, published: Path = FOLDER) -> list[Table]:
    """Write published.md, published.tex and published.csv to ``folder`` and return the tables.

    Nothing is written where no published table is to be held against the experiment that the folder is named after.
    """
    comparisons = read_comparisons(folder.name, published)
    if not comparisons:
        return []
    cells = {comparison.figures.name: compare(comparison, records) for comparison in comparisons}
    tables = []
    for comparison in comparisons:
        tables.append(_published(comparison, cells[comparison.figures.name]))
        if found := recoveries(comparison, records):
            tables.append(_ours(comparison, found))
    tables[-1].notes.extend(disturbance_notes(records))
    texts = {
        "md": "\n".join(map(to_markdown, tables)),
        "tex": "% needs \\usepackage{booktabs}\n" + "\n".join(map(to_latex, tables)),
        "csv": _to_csv(cells),
    }
    for suffix, text in texts.items():
        write_text(folder / f"{NAME}.{suffix}", text)
    return tables


def _to_csv(cells: dict[str, list[Cell]]) -> str:
    """A line a published cell; numbers in full, several errata joined by a space."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", *(field.name for field in fields(Cell))])
    for table, many in cells.items():
        writer.writerows([table, *(asdict(cell) | {"errata": " ".join(cell.errata)}).values()] for cell in many)
    return text.getvalue()


def _published(comparison: Comparison, cells: Sequence[Cell]) -> Table:
    """A line a published cell, with the numbers of the notes below that belong to it."""
    notes: dict[str, int] = {}

    def numbers(cell: Cell) -> str:
        texts = [f"Erratum: {text}" for text in cell.errata]
        texts += [_reason(cell)] if cell.reason else []
        texts += [f"Why: {cell.why}."] if cell.why else []
        return ", ".join(map(str, sorted(notes.setdefault(text, len(notes) + 1) for text in texts)))

    rows = [
        [
            f"{cell.row}: {cell.column}", f"{cell.published:.10g}", cell.variant, _number(cell.ours),
            NOTHING if cell.difference_pct is None else f"{cell.difference_pct:+.1f}", numbers(cell),
        ]
        for cell in cells
    ]  # fmt: skip
    headers = ("published", "our row", "ours", "difference (%)", "notes")
    figures, experiment = comparison.figures, comparison.experiment
    return Table(
        f"Published {figures.name} beside {experiment.name}",
        [],
        tuple(Column(header, header, 0) for header in headers),
        rows,
        [f"Source: {figures.source}.", *([experiment.note] if experiment.note else []), MACS],
        [f"({number}) {text}" for text, number in notes.items()],
        labels="published cell",
    )


def _reason(cell: Cell) -> str:
    return f"{'No number of ours' if cell.ours is None else 'No difference'}: {cell.reason}."


def _ours(comparison: Comparison, found: Sequence[Recovery]) -> Table:
    """A line a row of ours: what the published table shows and what it leaves out."""
    fid = fid_column(found[0].record)
    shown = dict(comparison.shown)
    quality = {
        "FID" if fid == "fid" else "FID (shipped features)": f"values.{fid}",
        "garment SSIM": f"values.{LIKENESS}",
        "garment L1": "values.l1_garment",
    }
    # Under the names that they have in records, of which a narrow terminal leaves out some.
    names = {header: path.rpartition(".")[2] for header, path in (shown | quality).items()}
    columns = {header: [number_at(one.record, path) for one in found] for header, path in (shown | quality).items()}
    columns["FID loss (%)"] = [one.fid_loss_pct for one in found]
    columns[RECOVERED] = [one.recovered_pct for one in found]
    columns["recovered of control (%)"] = [one.recovered_of_control_pct for one in found]
    columns = {header: numbers for header, numbers in columns.items() if any(one is not None for one in numbers)}
    return Table(
        comparison.experiment.name + (": before and after fine-tuning" if RECOVERED in columns else ""),
        [one.record for one in found],
        tuple(Column(names.get(header, header), header, 0) for header in columns),
        [
            [one.record.variant, *(_number(numbers[place]) for numbers in columns.values())]
            for place, one in enumerate(found)
        ],
        [MACS, *_captions(columns, comparison.experiment.control)],
        list(dict.fromkeys(f"{one.record.variant}: {one.reason}." for one in found if one.reason)),
    )


def _captions(headers: Iterable[str], control: Sequence[str]) -> list[str]:
    captions = {
        "FID loss (%)": "FID loss: against the dense row, through the same features. FID never stands alone: the "
        "person returned unchanged wins it.",
        RECOVERED: "Recovered: of the garment SSIM that pruning alone cost against the dense row.",
        "recovered of control (%)": "Recovered of control: the same against the dense network with the same further "
        f"work ({', '.join(control)}).",
    }
    return [caption for header, caption in captions.items() if header in headers]


def _number(value: float | None) -> str:
    """Four digits that count."""
    if value is None:
        return NOTHING
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
