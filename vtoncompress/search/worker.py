"""A worker asks, measures and tells until the budget is spent.

``python -m vtoncompress.search.worker SETTINGS.json``
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock

from vtoncompress.errors import explain
from vtoncompress.record import Record
from vtoncompress.search.clock import on_the_clock_of
from vtoncompress.search.final import measure_final
from vtoncompress.search.objective import measured
from vtoncompress.search.row import dense_config, identity, look_config, trial_config
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import LOOK, VARIANT, Study
from vtoncompress.sweep import run_variant

Run = Callable[[dict[str, Any]], Record]
MODULE = "vtoncompress.search.worker"
# What a variant's record says where the deployed network paints something else: the recipe's fault.
PARITY = "ParityError"


class _NoRow(ValueError):
    """The point can have no row, whatever the machine."""


def work(settings: Settings, run: Run = run_variant, may_go_on: Callable[[], bool] = lambda: True) -> None:
    """Work on the search in ``settings.folder`` until its trials are spent, beside whoever else does.

    Args:
        settings: the same for all who work on it.
        run: from a row's complete config to its record.
        may_go_on: asked before every trial.

    Raises:
        ValueError: the dense row failed or lacks a column, the study has other settings, or trial after trial fails.
    """
    study = Study(settings)
    dense = measure_dense(settings, run)
    while may_go_on():
        with study.ask() as trial:
            if trial is not None:
                print(f"trial {trial.number + 1}: {settings.space.describe(trial.params)}", file=sys.stderr)
                _evaluate(settings, study, trial, dense, run)
                continue
        if not study.wait():
            break
    if may_go_on():
        measure_final(settings, study, run, may_go_on)


def measure_dense(settings: Settings, run: Run = run_variant) -> Record:
    """The dense row; it must have every column that the search looks at. ValueError where it has not."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.folder / "study" / ".dense.lock", fallback_to_soft=False):
        record = run(dense_config(settings))
    if record.status == "failed":
        raise ValueError(f"the dense row failed: {record.reason}")
    for column in (*settings.objectives, *settings.constraints):
        measured(record, column)
    return record


def _evaluate(settings: Settings, study: Study, trial: optuna.Trial, dense: Record, run: Run) -> None:
    point = settings.space.clean(trial.params)
    try:
        config = trial_config(settings, point, trial.number)
    except Exception as error:
        if (line := explain(error)) is None:
            raise
        return study.fail(trial, line, impossible=True)
    trial.set_user_attr(VARIANT, config["variant"])
    if study.repeats(trial, identity(config)):
        return None
    try:
        if (better := _look(settings, study, trial, point, run)) is not None:
            return study.stop(trial, f"trial {better + 1} is better in all of {', '.join(study.looks()[better])}")
        record = on_the_clock_of(dense, _run(config, run))
        values = [measured(record, column) for column in settings.objectives]
        violations = {name: bound.violation(name, record, dense) for name, bound in settings.constraints.items()}
    except ValueError as error:
        return study.fail(trial, str(error), impossible=isinstance(error, _NoRow))
    return study.tell(trial, values, violations)


def _look(settings: Settings, study: Study, trial: optuna.Trial, point: dict[str, Any], run: Run) -> int | None:
    """The trial that makes the whole row of this one not worth while; None where there is none."""
    if settings.early_stop is None:
        return None
    try:
        look = settings.early_stop.look(_run(look_config(settings, point, trial.number), run))
    except _NoRow:
        return None  # a network that is hardly trained may not survive what the trained one does
    others = study.looks()
    trial.set_user_attr(LOOK, look)
    return settings.early_stop.beaten_by(look, others)


def _run(config: dict[str, Any], run: Run) -> Record:
    record = run(config)
    if record.details.get("stopped"):
        raise KeyboardInterrupt  # whoever stopped the row did not judge it: the trial is put back
    if record.status == "failed":
        raise (_NoRow if record.details.get("error") == PARITY else ValueError)(record.reason)
    return record


def main(path: str, run: Run = run_variant) -> int:
    """Work as the JSON file ``path`` says, while the process that started this one lives.

    Returns:
        0 done, 2 after a line on stderr that says what is wrong, 130 interrupted.
    """
    settings, parent = Settings.parse(json.loads(Path(path).read_text())), os.getppid()
    _stop_on_signals()
    try:
        work(settings, run, lambda: os.getppid() == parent)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (line := explain(error)) is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2
    return 0


def _stop_on_signals() -> None:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt, the first of them only.

    The second comes where a terminal's Ctrl-C has reached the command, too, which then stops its workers: it would cut
    off the row that is writing why it has no result.
    """

    def stop(*_: object) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
