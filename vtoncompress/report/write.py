"""From an experiment's folder, or two of them, to their page and its figures."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from vtoncompress.record import Record, read_all, write_text
from vtoncompress.report.content import Experiment, gather
from vtoncompress.report.freshness import digest, is_fresh
from vtoncompress.report.page import render
from vtoncompress.table import write_tables

PAGE = "report.html"
FIGURES = "figures"
COMPARED = "compared"


def write_report(folder: Path, records: Sequence[Record]) -> Path:
    """Write ``folder``/report.html and ``folder``/figures of an experiment's records, and return the page.

    Nothing is drawn where the page is already made of them.
    """
    return _write([Experiment(folder, records)], folder)


def write_comparison(results: Path, names: Sequence[str]) -> Path:
    """Write a page on two experiments of ``results``, and their tables, to ``results``/compared/A+B; return the page.

    Raises:
        ValueError: not two names, or one that has no records.
    """
    if len(names) != 2:
        raise ValueError(f"compare=[{','.join(names)}]: name two experiments, compare=[one,another]")
    experiments = [Experiment(results / name, read_all(results / name)) for name in names]
    for name, one in zip(names, experiments, strict=True):
        if not one.records:
            raise ValueError(f"{results / name} has no records: run its experiment first, or compare another")
    folder = results / COMPARED / "+".join(one.folder.name for one in experiments)
    return _write(experiments, folder)


def _write(experiments: Sequence[Experiment], folder: Path) -> Path:
    page, figures = folder / PAGE, folder / FIGURES
    made_of = digest([one.folder for one in experiments])
    if is_fresh(page, made_of) and figures.is_dir():
        return page
    content = gather(experiments)
    if len(experiments) > 1:  # a single one has tables already
        write_tables(content.records, folder)
    figures.mkdir(parents=True, exist_ok=True)
    written = set()
    for drawing in content.drawings():
        write_text(figures / f"{drawing.name}.svg", drawing.svg)
        _write_bytes(figures / f"{drawing.name}.png", drawing.png)
        written |= {f"{drawing.name}.svg", f"{drawing.name}.png"}
    for old in (*figures.glob("*.svg"), *figures.glob("*.png")):
        if old.name not in written:  # of rows that are no more
            old.unlink()
    write_text(page, render(content, made_of))
    return page


def _write_bytes(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
