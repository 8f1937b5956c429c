"""Two sets of rows held against each other: how much of what there is to win each one wins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vtoncompress.disturbance import disturbed
from vtoncompress.record import Record, check_comparable, machine_of, read_all, write_text
from vtoncompress.search.clock import any_time, is_time, on_the_clock_of
from vtoncompress.search.found import feasible
from vtoncompress.search.frontier import hypervolume, non_dominated
from vtoncompress.search.objective import Objectives, losses
from vtoncompress.search.settings import Settings

FILE = "comparison.json"
# The reference point is this far beyond the worst of both frontiers, or their ends would count nothing.
BEYOND = 0.1


@dataclass(frozen=True)
class Side:
    """One of the two: ``rows`` that were compared, those of them on its ``frontier``, and its ``hypervolume``, 0..1.

    Where time counts, ``disturbed`` says of which rows it is not to be trusted, and why. Where it is an objective,
    ``hypervolume_without_times`` is of the other ones alone; None where there is no other.
    """

    rows: int
    frontier: int
    hypervolume: float
    disturbed: Mapping[str, str] = field(default_factory=dict)
    hypervolume_without_times: float | None = None


def compare(settings: Settings, mine: Sequence[Record], others: Sequence[Record], dense: Record) -> tuple[Side, Side]:
    """Both sides under the search's objectives and constraints.

    Every objective is scaled to the range of the two frontiers together; the reference point lies a tenth of it beyond
    the worst, and the hypervolume is a share of the box from the best of everything to there. Times are brought to one
    clock, that of ``dense``, by the baseline that every row was timed in turns with.

    Raises:
        ValueError: they can't be compared: other pictures, other features, another processor; or nothing is left.
    """
    times = any_time((*settings.objectives, *settings.constraints))
    if times:
        _check_machine([*mine, *others])
    sides = [_candidates(settings, rows, dense) for rows in (mine, others)]
    for rows, whose in zip(sides, ("this search", "the other experiment"), strict=True):
        if not rows:
            raise ValueError(f"no row of {whose} has every objective and holds every constraint")
    check_comparable([*sides[0], *sides[1]])
    volumes = _volumes(settings.objectives, sides)
    restless = [disturbed(rows) if times else {} for rows in sides]
    others_alone = {name: direction for name, direction in settings.objectives.items() if not is_time(name)}
    without: list[float | None] = [None, None]
    if others_alone and len(others_alone) < len(settings.objectives):
        without = [volume for _, volume in _volumes(others_alone, sides)]
    first, second = (
        Side(len(rows), *of, disturbed=found, hypervolume_without_times=alone)
        for rows, of, found, alone in zip(sides, volumes, restless, without, strict=True)
    )
    return first, second


def _candidates(settings: Settings, rows: Sequence[Record], dense: Record) -> list[Record]:
    """Those that the search itself would choose from, on its clock."""
    timed = [on_the_clock_of(dense, record) for record in rows]
    return [timed[index] for index in feasible(settings, timed, dense)]


def _volumes(objectives: Objectives, sides: Sequence[Sequence[Record]]) -> list[tuple[int, float]]:
    """Of each side the rows of its frontier and its hypervolume, see :func:`compare`."""
    points = [[losses(record, objectives) for record in rows] for rows in sides]
    frontiers = [[side[index] for index in non_dominated(side)] for side in points]
    axes = [*zip(*(point for frontier in frontiers for point in frontier), strict=True)]
    low, span = [min(axis) for axis in axes], [(max(axis) - min(axis)) or 1.0 for axis in axes]
    reference = [1 + BEYOND] * len(axes)

    def volume(frontier: Sequence[Sequence[float]]) -> float:
        scaled = [[(v - a) / s for v, a, s in zip(point, low, span, strict=True)] for point in frontier]
        return hypervolume(scaled, reference) / (1 + BEYOND) ** len(axes)

    return [(len(frontier), volume(frontier)) for frontier in frontiers]


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
    if mine.hypervolume_without_times is not None and theirs.hypervolume_without_times is not None:
        told.append(f"Without times: {mine.hypervolume_without_times:.3f} and {theirs.hypervolume_without_times:.3f}.")
    for side, whose in ((mine, "this search"), (theirs, other)):
        if side.disturbed:
            rows = ", ".join(f"{variant} ({reason})" for variant, reason in side.disturbed.items())
            told.append(f"Disturbed while timed (retry_disturbed=true times again), of {whose}: {rows}.")
    return "\n".join(told)


def write_comparison(sides: tuple[Side, Side], other: str, folder: Path) -> None:
    """Write ``comparison.json`` into ``folder``: both sides, and the experiment that the search was held against."""
    mine, theirs = (asdict(side) for side in sides)
    write_text(folder / FILE, json.dumps({"search": mine, "compared_with": other, "other": theirs}, indent=1) + "\n")


def _check_machine(records: Sequence[Record]) -> None:
    machines = {machine_of(record): _machine(record) for record in records}
    if len(machines) > 1:
        raise ValueError(f"times of different machines can't be compared ({'; '.join(machines.values())})")


def _machine(record: Record) -> str:
    told = record.trust
    return f"{told.get('cpu')}, {' '.join(told.get('instruction_set', ()))}, {told.get('threads_available')} threads"
