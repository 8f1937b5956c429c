"""What a page shows, from the records of one experiment or of two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vtoncompress.record import QUALITY, Record, split_by_protocol
from vtoncompress.report.comparison import Pair, pair_up
from vtoncompress.report.costs import draw_costs
from vtoncompress.report.drawing import Drawing
from vtoncompress.report.frontier import dominating, frontiers, letters
from vtoncompress.report.origin import command_of, machines
from vtoncompress.report.pareto import draw_frontier
from vtoncompress.report.pictures import Gallery, gallery
from vtoncompress.report.published import Published, draw_published
from vtoncompress.report.ratio import draw_ratios
from vtoncompress.report.sensitivity import Sensitivity, read_sensitivity
from vtoncompress.report.table import Sortable, to_sortable
from vtoncompress.report.time_spent import draw_parts, draw_stages
from vtoncompress.report.training import draw_training
from vtoncompress.summary import find_dense, summarise
from vtoncompress.table import Table, to_tables

LONGEST_NAME = 120
"""Of a row, as in records."""
GALLERIES = 12
"""Rows of one protocol whose pictures are shown at most; the others' lie in ``pictures/``."""


@dataclass(frozen=True)
class Experiment:
    """A results folder and its records."""

    folder: Path
    records: Sequence[Record]


@dataclass(frozen=True)
class Choice:
    """A row that dominates, with its letter in the figures and its figures in words."""

    record: Record
    letter: str
    told: str


@dataclass(frozen=True)
class Advice:
    """A sentence on which recipe to take; it begins with the name of ``variant``, where it is about one."""

    variant: str | None
    text: str


@dataclass(frozen=True)
class Section:
    """One protocol; ``published`` are figures of others, over the same costs; ``costs`` stand where no quality does;
    ``tie`` is the difference of quality that counts as none."""

    table: Sortable
    choices: list[Choice]
    frontiers: list[Drawing]
    published: list[Published]
    ratios: list[Drawing]
    trainings: list[Drawing]
    stages: Drawing | None
    parts: Drawing | None
    galleries: list[Gallery]
    costs: list[Drawing]
    tie: float

    def drawings(self) -> Iterator[Drawing]:
        """All its figures."""
        published = (one.drawing for one in self.published)
        yield from (*self.frontiers, *self.costs, *published, *self.ratios, *self.trainings)
        yield from (one for one in (self.stages, self.parts) if one is not None)


@dataclass(frozen=True)
class Content:
    """A page; ``pairs`` are of a comparison alone, where ``records`` bear their experiment's name."""

    title: str
    lead: str
    records: list[Record]
    summary: list[Advice]
    sections: list[Section]
    sensitivity: list[Sensitivity]
    machines: list[tuple[str, list[str]]]
    commands: dict[str, str | None]
    pairs: list[Pair]
    names: list[str]

    def drawings(self) -> Iterator[Drawing]:
        """All figures, each once."""
        found: dict[str, Drawing] = {}
        for section in self.sections:
            found |= {one.name: one for one in section.drawings()}
        yield from found.values()


def gather(experiments: Sequence[Experiment]) -> Content:
    """One experiment, or two of which every row then bears the name.

    Raises:
        ValueError: two experiments of one name.
    """
    names = [one.folder.name for one in experiments]
    if len(set(names)) < len(names):
        raise ValueError(f"both experiments are called {names[0]}: name two of different names")
    home: dict[str, tuple[Experiment, Record]] = {}
    records = []
    for experiment in experiments:
        for one in experiment.records:
            shown = one if len(experiments) == 1 else _named(one, experiment.folder.name)
            assert shown.variant not in home, f"{shown.variant} is one row"
            home[shown.variant] = (experiment, one)
            records.append(shown)
    tables = [table for table in to_tables(records) if any(one.role == "variant" for one in table.records)]
    sections = [_section(table, home, len(tables) > 1) for table in tables]
    return Content(
        " and ".join(names),
        _lead(records),
        records,
        [] if len(experiments) > 1 else _advice(records),
        sections,
        read_sensitivity(experiments[0].folder.parent, records),
        machines(records),
        {one.folder.name: command_of(one.folder) for one in experiments},
        pair_up(*(one.records for one in experiments)) if len(experiments) == 2 else [],
        names,
    )


def _lead(records: Sequence[Record]) -> str:
    """What the page is about, for who has never seen one."""
    variants = [one for one in records if one.role == "variant"]
    models = dict.fromkeys(one.model for one in variants if one.model)
    paints = ", and what it still paints" if any(QUALITY & one.values.keys() for one in variants) else ""
    return f"{len(variants)} variants of {', '.join(models) or 'a network'}: what each costs{paints}."


def _advice(records: Sequence[Record]) -> list[Advice]:
    names = {one.variant for one in records}
    told = [(line.partition(":"), line) for line in summarise(records)]
    return [Advice(name, rest.strip()) if name in names else Advice(None, line) for (name, _, rest), line in told]


def _named(record: Record, experiment: str) -> Record:
    """Long names are cut in their middle: a search's differ at their ends."""
    name, rest = f"{experiment}.", record.variant
    if (over := len(name) + len(rest) - LONGEST_NAME) > 0:
        middle = (len(rest) - over) // 2
        rest = f"{rest[:middle]}.{rest[middle + over + 1 :]}"
    return replace(record, variant=name + rest, details={**record.details, "experiment": experiment})


def _section(table: Table, home: dict[str, tuple[Experiment, Record]], several: bool) -> Section:
    group = table.records
    prefix = f"{group[0].protocol}_{_place(group)}_" if several else ""
    found = frontiers(group)
    best = dominating(found)
    marks = letters(best)
    return Section(
        to_sortable(table, best),
        [Choice(one, marks[one.variant], _figures(one)) for one in best],
        [draw_frontier(one, group, marks, f"{prefix}pareto_{one.cost.key}") for one in found],
        [one for one in draw_published() if one.cost in {frontier.cost.key for frontier in found}],
        draw_ratios(group, prefix),
        draw_training(group, prefix),
        draw_stages(group, prefix),
        draw_parts(best or group, prefix),
        [shown for one in best[:GALLERIES] if (shown := _gallery(one, home)) is not None],
        draw_costs(group, prefix),
        found[0].quality.tie if found else 0.0,
    )


def _place(group: Sequence[Record]) -> str:
    """What tells the figures of two groups of one protocol apart."""
    return str(next((one.trust["pair_list_hash"][:6] for one in group if one.trust.get("pair_list_hash")), "none"))


def _gallery(record: Record, home: dict[str, tuple[Experiment, Record]]) -> Gallery | None:
    experiment, original = home[record.variant]
    group = next(group for group in split_by_protocol(experiment.records) if original in group)
    shown = gallery(experiment.folder, original, find_dense(group))
    return shown and replace(shown, variant=record.variant)


def _figures(record: Record) -> str:
    told = {
        "garment SSIM": ("ssim_garment", "{:.3f}"),
        "ms": ("latency_ms_p50", "{:.1f}"),
        "MiB": ("size_mib", "{:.1f}"),
        "GMACs": ("gmacs", "{:.2f}"),
    }
    parts = [f"{form.format(record.values[key])} {unit}" for unit, (key, form) in told.items() if key in record.values]
    return ", ".join(parts)
