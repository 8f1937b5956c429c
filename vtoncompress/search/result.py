"""What a search found: the Pareto set of its rows, each with its recipe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from vtoncompress.record import FOLDER, Record, read, write_text
from vtoncompress.search.frontier import non_dominated
from vtoncompress.search.objective import losses
from vtoncompress.search.recipe import remove_others, write_recipe
from vtoncompress.search.row import DENSE_ROW, dense_config, trial_config
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import REASON, VARIANT, Study

PARETO = "pareto"
ENDS = {TrialState.COMPLETE: "measured", TrialState.PRUNED: "stopped early", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Found:
    """A row that a search measured; ``trial`` is None for the dense one."""

    record: Record
    trial: FrozenTrial | None

    @property
    def parameters(self) -> dict[str, Any]:
        return {} if self.trial is None else self.trial.params


def found_rows(settings: Settings, study: Study) -> list[Found]:
    """The dense row and those of finished trials, feasible or not."""
    trials = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    records = settings.folder / FOLDER
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
    """The feasible rows that no other one beats, best in the first objective first."""
    dense = rows[0].record
    candidates = [rows[index] for index in feasible(settings, [row.record for row in rows], dense)]
    points = [losses(row.record, settings.objectives) for row in candidates]
    chosen = [candidates[index] for index in non_dominated(points)]
    return sorted(chosen, key=lambda row: losses(row.record, settings.objectives))


def write_result(settings: Settings, study: Study) -> list[Found]:
    """Write ``pareto.json``, ``pareto.md`` and ``recipes/``, and return the Pareto set."""
    best = pareto_set(settings, found_rows(settings, study))
    columns = [*settings.objectives, *settings.constraints]
    described = []
    for row in best:
        figures = {column: row.record.values[column] for column in columns}
        config = (
            dense_config(settings)
            if row.trial is None
            else trial_config(settings, settings.space.clean(row.parameters), row.trial.number)
        )
        recipe = write_recipe(config, settings.folder, figures)
        described.append(
            {
                "variant": row.record.variant,
                "parameters": settings.space.clean(row.parameters) if row.trial else {},
                "figures": figures,
                "recipe": recipe.relative_to(settings.folder).as_posix(),
            }
        )
    remove_others(settings.folder, [row.record.variant for row in best])
    content = {
        "objectives": dict(settings.objectives),
        "trials": count_trials(study),
        "pareto": described,
        "unmeasured": unmeasured(study),
    }
    write_text(settings.folder / f"{PARETO}.json", json.dumps(content, indent=1) + "\n")
    write_text(settings.folder / f"{PARETO}.md", "\n".join(_table(described, columns)) + "\n")
    return best


def count_trials(study: Study) -> dict[str, int]:
    """How the trials ended; one that another worker still works on is "under way"."""
    return dict(Counter(ENDS.get(trial.state, "under way") for trial in study.trials()))


def unmeasured(study: Study) -> list[dict[str, Any]]:
    """Trials without a row, with the reason."""
    return [
        {
            "trial": trial.number + 1,
            "end": ENDS[trial.state],
            "parameters": study.settings.space.clean(trial.params),
            "reason": trial.user_attrs[REASON],
        }
        for trial in study.trials()
        if trial.state in ENDS and REASON in trial.user_attrs
    ]


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    head = ["recipe", *columns]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * len(columns)}"]
    for row in rows:
        cells = [row["variant"], *(f"{row['figures'][column]:.4g}" for column in columns)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
