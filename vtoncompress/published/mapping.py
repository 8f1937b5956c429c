"""Which of our rows and numbers is the counterpart of which published cell, read from a file a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vtoncompress.published.figures import Figures, read_figures, read_mapping
from vtoncompress.record import ROOT

FOLDER = ROOT / "results" / "published"
RELATIVES = ("value", "dense", "share", "increase", "ratio")


@dataclass(frozen=True)
class Column:
    """How we measure what a published column shows.

    Attributes:
        ours: dotted paths in a record, ``values.gmacs``; the first with a number counts. ``{part}`` is the row's.
        relative: ``value`` is that number, ``dense`` the dense row's, ``share`` the number in per cent of the dense
            row's, ``increase`` by how many per cent it is above that, ``ratio`` how many times it is in it.
        scale: our number times this is in the published unit.
        where: dotted path -> what a record must say there, for a difference to be drawn: figures of two protocols,
            networks or sizes have none.
        tuned: whether a difference is drawn only of rows that were trained after they were compressed, as the published
            ones were.
        apart: why no difference is drawn, whatever a record says; without ``ours`` why we have no such number.
        errata: of the table's, by number: what to know of the printed figures.
        contradicts: whether these say that the figures can't be right as printed.
        why: what explains a difference of a row that was compressed.
        waits: where no difference is drawn, what of the user's it waits for and the command; empty for what doesn't.
    """

    ours: tuple[str, ...] = ()
    relative: str = "value"
    scale: float = 1.0
    where: dict[str, Any] = field(default_factory=dict)
    tuned: bool = False
    apart: str = ""
    errata: tuple[str, ...] = ()
    contradicts: bool = False
    why: str = ""
    waits: str = ""


@dataclass(frozen=True)
class Row:
    """Our variants for a published row.

    Attributes:
        steps: in the order of the work: compressed alone first; the last is the published row's counterpart. None where
            we have no such row.
        part: of the network that the row is about, where the rows of a table differ in that.
        apart: why we have none.
        errata: column -> further errata, which contradict this one figure of the row.
    """

    steps: tuple[str, ...]
    part: str = ""
    apart: str = ""
    errata: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """One of our experiments that a published table is held against.

    Attributes:
        name: of its results folder.
        dense: the variant that was not compressed.
        rows: published row -> ours.
        control: the dense network with the same further work: one variant for each step of ``rows`` after the first.
        further: as ``rows``, of what was not published: shown beside, compared with nothing.
        note: what to know before reading.
    """

    name: str
    dense: str
    rows: dict[str, Row]
    control: tuple[str, ...] = ()
    further: dict[str, Row] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """A published table and how it is held against one experiment. ``shown``: header -> path, of our own rows."""

    figures: Figures
    columns: dict[str, Column]
    experiment: Experiment
    shown: dict[str, str]


def read_comparisons(experiment: str, folder: Path = FOLDER) -> list[Comparison]:
    """Those of ``folder``/comparisons that name the experiment, in the order of the files' names.

    Raises:
        ValueError: a file that says nothing, too much or the wrong thing; every published row and column is told of.
    """
    return [
        _read(path, content, experiment, folder)
        for path in sorted((folder / "comparisons").glob("*.yaml"))
        if experiment in (content := read_mapping(path)).get("experiments", {})
    ]


def _read(path: Path, content: Mapping[str, Any], experiment: str, folder: Path) -> Comparison:
    try:
        figures = read_figures(folder, content["figures"])
        columns = {name: _column(spec) for name, spec in content["columns"].items()}
        told = dict(content["experiments"][experiment])
        rows, further = ({name: _row(row) for name, row in told.pop(kind, {}).items()} for kind in ("rows", "further"))
        control = _texts(told.pop("control", ()))
        mine = Experiment(experiment, **told, rows=rows, further=further, control=control)
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]} is missing") from error
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
    for kind, names, known in (("column", columns, figures.columns), ("row", rows, figures.rows)):
        if wrong := set(names) ^ set(known):
            raise ValueError(f"{path}: {', '.join(sorted(wrong))} is no {kind} of both it and {figures.name}")
    for name, row in (rows | further).items():
        if control and len(row.steps) > 1 and len(row.steps) - 1 != len(control):
            raise ValueError(
                f"{path}: {name} has {len(row.steps) - 1} steps after the first, but control has {len(control)}: name "
                "the dense network after each of them"
            )
    told_errata = {one for column in columns.values() for one in column.errata}
    told_errata |= {one for row in rows.values() for many in row.errata.values() for one in many}
    if unknown := told_errata - figures.errata.keys():
        raise ValueError(f"{path}: {figures.name} has no erratum {', '.join(sorted(unknown))}")
    return Comparison(figures, columns, mine, dict(content.get("shown", {})))


def _column(spec: Mapping[str, Any]) -> Column:
    told = {**spec, "ours": _texts(spec.get("ours", ())), "errata": _texts(spec.get("errata", ()))}
    column = Column(**told)
    if column.relative not in RELATIVES:
        raise TypeError(f"relative: {column.relative}: choose one of {', '.join(RELATIVES)}")
    if not column.ours and not column.apart:
        raise TypeError("a column needs ours, where our number is, or apart, why we have none")
    return column


def _row(spec: Any) -> Row:
    told = dict(spec) if isinstance(spec, Mapping) else {"steps": spec}
    errata = {column: _texts(many) for column, many in told.get("errata", {}).items()}
    return Row(**{**told, "steps": _texts(told.get("steps", ())), "errata": errata})


def _texts(told: Any) -> tuple[str, ...]:
    """One or several of them in a config, as texts."""
    return tuple(map(str, told)) if isinstance(told, list | tuple) else (str(told),)
