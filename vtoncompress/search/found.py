"""The rows that a search measured, and which of them no other one beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from vtoncompress.record import FOLDER, Record, read
from vtoncompress.search.clock import on_the_clock_of
from vtoncompress.search.frontier import non_dominated
from vtoncompress.search.objective import losses
from vtoncompress.search.row import DENSE_ROW
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import VARIANT, Study


@dataclass(frozen=True)
class Found:
    """A row that a search measured; ``trial`` is None for the dense one."""

    record: Record
    trial: FrozenTrial | None

    @property
    def parameters(self) -> dict[str, Any]:
        return {} if self.trial is None else self.trial.params

    def was_given(self, settings: Settings) -> bool:
        """Whether it is the dense row or one of the points that the search was told to begin with."""
        clean = settings.space.clean
        return self.trial is None or clean(self.parameters) in [clean(point) for point in settings.start]


def found_rows(settings: Settings, study: Study) -> list[Found]:
    """The dense row and those of finished trials, feasible or not, as they were chosen from."""
    trials = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    records = settings.trials_folder / FOLDER
    rows = [Found(read(records / f"{DENSE_ROW}.json"), None)]
    return rows + [Found(read(records / f"{trial.user_attrs[VARIANT]}.json"), trial) for trial in trials]


def feasible(settings: Settings, records: Sequence[Record], dense: Record) -> list[int]:
    """Indices of the records that have every objective and break no constraint."""

    def holds(record: Record) -> bool:
        try:
            losses(record, settings.objectives)
            return all(bound.violation(name, record, dense) <= 0 for name, bound in settings.constraints.items())
        except ValueError:
            return False

    return [index for index, record in enumerate(records) if holds(record)]


def pareto_set(settings: Settings, rows: Sequence[Found]) -> list[Found]:
    """The feasible rows that no other one beats, best in the first objective first; ``rows`` begin with the dense.

    Times count as :func:`.clock.on_the_clock_of` the dense row tells them.
    """
    dense = rows[0].record
    timed = [on_the_clock_of(dense, row.record) for row in rows]
    candidates = feasible(settings, timed, dense)
    points = [losses(timed[index], settings.objectives) for index in candidates]
    chosen = sorted((points[place], candidates[place]) for place in non_dominated(points))
    return [rows[index] for _, index in chosen]
