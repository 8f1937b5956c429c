"""What a search found: the Pareto set of its rows, each with its recipe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import TrialState

from vtoncompress.record import write_text
from vtoncompress.search.comparison import compare
from vtoncompress.search.final import config_of, final_rows, lost_rows
from vtoncompress.search.found import Found, found_rows, pareto_set
from vtoncompress.search.recipe import remove_others, write_recipe
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import REASON, Study

PARETO = "pareto"
ENDS = {TrialState.COMPLETE: "measured", TrialState.PRUNED: "stopped early", TrialState.FAIL: "failed"}


def write_result(settings: Settings, study: Study) -> list[Found]:
    """Write ``pareto.json``, ``pareto.md`` and ``recipes/``, and return the Pareto set."""
    best = pareto_set(settings, final_rows(settings, study))
    columns = [*settings.objectives, *settings.constraints]
    found = found_rows(settings, study)
    chosen_by = {row.record.variant: row.record.values for row in found}
    described: list[dict[str, Any]] = []
    for row in best:
        figures = {column: row.record.values[column] for column in columns}
        recipe = write_recipe(config_of(settings, row), settings.folder, figures)
        entry = {
            "variant": row.record.variant,
            "parameters": settings.space.clean(row.parameters) if row.trial else {},
            "given": row.was_given(settings),
            "figures": figures,
            "recipe": recipe.relative_to(settings.folder).as_posix(),
        }
        if settings.final is not None:
            entry["chosen_by"] = {column: chosen_by[row.record.variant][column] for column in columns}
        described.append(entry)
    remove_others(settings.folder, [row.record.variant for row in best])
    content = {
        "objectives": dict(settings.objectives),
        "trials": count_trials(study),
        "pareto": described,
        "beyond_what_was_given": beyond_what_was_given(settings, found),
        "measured": [_trial(settings, row, columns) for row in found if row.trial],
        "unmeasured": unmeasured(study),
    }
    if settings.final is not None:
        content["final"] = {"overrides": [*settings.final], "lost": lost_rows(settings, study)}
    write_text(settings.folder / f"{PARETO}.json", json.dumps(content, indent=1) + "\n")
    write_text(settings.folder / f"{PARETO}.md", "\n".join(_table(described, columns)) + "\n")
    return best


def beyond_what_was_given(settings: Settings, found: Sequence[Found]) -> dict[str, Any] | None:
    """What the search adds to its starts: hypervolumes of both, on the pairs it chose by. None without starts."""
    starts = [row.record for row in found if row.was_given(settings)]
    if len(starts) < 2:
        return None
    try:
        everything, given = compare(settings, [row.record for row in found], starts, found[0].record)
    except ValueError:  # nothing is feasible
        return None
    return {name: vars(side) for name, side in (("search", everything), ("given", given))}


def _trial(settings: Settings, row: Found, columns: Sequence[str]) -> dict[str, Any]:
    """A measured trial as the search chose by it."""
    assert row.trial is not None
    return {
        "trial": row.trial.number + 1,
        "given": row.was_given(settings),
        "parameters": settings.space.clean(row.parameters),
        "figures": {column: row.record.values.get(column) for column in columns},
    }


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
