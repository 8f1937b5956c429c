"""Two sets of rows held against each other: how much of what there is to win each one wins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from vtoncompress.disturbance import disturbed
from vtoncompress.record import Record, check_comparable, read_all, write_text
from vtoncompress.search.found import feasible
from vtoncompress.search.frontier import hypervolume, non_dominated
from vtoncompress.search.objective import losses
from vtoncompress.search.settings import Settings

FILE = "comparison.json"
CLOCK = ("latency", "fps", "speedup")
# The reference point is this far beyond the worst of both frontiers, or their ends would count nothing.
BEYOND = 0.1


@dataclass(frozen=True)
class Side:
    """One of the two: ``rows`` that were compared, those of them on its ``frontier``, and its ``hypervolume``, 0..1.

    Where time is an objective, ``disturbed`` says of which rows it is not to be trusted, and why.
    """

    rows: int
    frontier: int
    hypervolume: float
    disturbed: Mapping[str, str] = field(default_factory=dict)


def compare(settings: Settings, mine: Sequence[Record], others: Sequence[Record], dense: Record) -> tuple[Side, Side]:
    """Both sides under the search's objectives and constraints.

    Every objective is scaled to the range of the two frontiers together; the reference point lies a tenth of it beyond
    the worst, and the hypervolume is a share of the box from the best of everything to there. Times are brought to one
    clock, that of ``dense``, by the baseline that every row was timed in turns with.

    Raises:
        ValueError: they can't be compared: other pictures, other features, another processor; or nothing is left.
    """
    sides = [[rows[index] for index in feasible(settings, rows, dense)] for rows in (mine, others)]
    for rows, whose in zip(sides, ("this search", "the other experiment"), strict=True):
        if not rows:
            raise ValueError(f"no row of {whose} has every objective and holds every constraint")
    check_comparable([*sides[0], *sides[1]])
    restless: list[dict[str, str]] = [{}, {}]
    if any(column.startswith(CLOCK) for column in settings.objectives):
        restless = [disturbed(rows) for rows in sides]
        _check_machine([*sides[0], *sides[1]])
        sides = [[_on_the_clock_of(dense, record) for record in rows] for rows in sides]
    points = [[losses(record, settings.objectives) for record in rows] for rows in sides]
    frontiers = [[side[index] for index in non_dominated(side)] for side in points]
    axes = [*zip(*frontiers[0], *frontiers[1], strict=True)]
    low, span = [min(axis) for axis in axes], [(max(axis) - min(axis)) or 1.0 for axis in axes]
    reference = [1 + BEYOND] * len(axes)
    box = (1 + BEYOND) ** len(axes)
    volumes = [
        hypervolume([[(v - a) / s for v, a, s in zip(point, low, span, strict=True)] for point in frontier], reference)
        / box
        for frontier in frontiers
    ]
    first, second = (
        Side(len(side), len(front), volume, found)
        for side, front, volume, found in zip(points, frontiers, volumes, restless, strict=True)
    )
    return first, second


def read_variants(folder: Path) -> list[Record]:
    """The finished variants of another experiment. ValueError where it has none."""
    records = [one for one in read_all(folder) if one.role == "variant" and one.status == "done"]
    if not records:
        raise ValueError(f"{folder} has no finished rows to compare with: run that experiment first")
    return records


def describe(sides: tuple[Side, Side], other: str) -> str:
    """The comparison in a sentence or two, with the rows whose times are not to be trusted."""
    mine, theirs = sides
    told = [
        f"Hypervolume of the frontiers, 0 to 1: {mine.hypervolume:.3f} of this search ({mine.frontier} of {mine.rows} "
        f"rows), {theirs.hypervolume:.3f} of {other} ({theirs.frontier} of {theirs.rows} rows)."
    ]
    for side, whose in ((mine, "this search"), (theirs, other)):
        if side.disturbed:
            rows = ", ".join(f"{variant} ({reason})" for variant, reason in side.disturbed.items())
            told.append(f"Disturbed while timed, to be timed again before it counts, of {whose}: {rows}.")
    return "\n".join(told)


def write_comparison(sides: tuple[Side, Side], other: str, folder: Path) -> None:
    """Write ``comparison.json`` into ``folder``: both sides, and the experiment that the search was held against."""
    mine, theirs = (asdict(side) for side in sides)
    write_text(folder / FILE, json.dumps({"search": mine, "compared_with": other, "other": theirs}, indent=1) + "\n")


def _on_the_clock_of(dense: Record, record: Record) -> Record:
    """``record`` with the times it would have had when ``dense`` was timed.

    A machine is faster one hour than the next. Every row was timed in turns with the same baseline, which tells by how
    much; rows without one stay as they are.
    """
    now, then = (one.details.get("speed", {}).get("baseline_latency_ms_p50") for one in (dense, record))
    if not now or not then:
        return record
    factors = {"latency": now / then, "fps": then / now}
    scaled = {name: value * factors.get(name.partition("_")[0], 1.0) for name, value in record.values.items()}
    return replace(record, values=scaled)


def _check_machine(records: Sequence[Record]) -> None:
    told = [f"{record.trust.get('cpu')}, {record.trust.get('threads_available')} threads" for record in records]
    if len(machines := dict.fromkeys(told)) > 1:
        raise ValueError(f"times of different machines can't be compared ({'; '.join(machines)})")
