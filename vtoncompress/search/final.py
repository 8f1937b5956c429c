"""The rows that a search ends with: those that no other one beats, measured again by what nobody chose them on.

The best of many rows looks better on the pairs that it was chosen on than it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from filelock import FileLock, Timeout

from vtoncompress.outcome import left
from vtoncompress.record import Record
from vtoncompress.search.found import Found, found_rows, pareto_set
from vtoncompress.search.row import dense_config, final_config, trial_config
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import Study

Run = Callable[[dict[str, Any]], Record]


def measure_final(settings: Settings, study: Study, run: Run, may_go_on: Callable[[], bool] = lambda: True) -> None:
    """Measure the final rows, beside whoever else does, and wait for those that others measure.

    Args:
        settings: nothing is done where they have no ``final``.
        study: without a trial under way.
        run: from a row's complete config to its record.
        may_go_on: asked before every row.
    """
    if settings.final is None:
        return
    waiting = _chosen(settings, study)
    for timeout in (0, -1):  # what another worker has is waited for at the end
        left_over = []
        for row in waiting:
            try:
                lock = study.folder / f".final.{row.record.variant}.lock"
                with FileLock(lock, timeout=timeout, fallback_to_soft=False):
                    if may_go_on():
                        run(config_of(settings, row))
            except Timeout:
                left_over.append(row)
        waiting = left_over


def final_rows(settings: Settings, study: Study) -> list[Found]:
    """The rows that the result is made of, the dense one first: all, or the final ones that could be measured.

    Raises:
        ValueError: the dense one could not be measured.
    """
    if settings.final is None:
        return found_rows(settings, study)
    rows = [Found(record, row.trial) for row, record in _measured(settings, study) if record.status == "done"]
    if not rows or rows[0].trial is not None:
        raise ValueError("the dense row of search.final has no result: see its record, and run the search again")
    return rows


def final_configs(settings: Settings, study: Study) -> list[dict[str, Any]]:
    """Complete, of the rows that the result would be made of now; none before there are trials."""
    if settings.final is None or not study.trials():
        return []
    return [config_of(settings, row) for row in _chosen(settings, study)]


def config_of(settings: Settings, row: Found) -> dict[str, Any]:
    """Complete, of a row of :func:`final_rows`."""
    number = 0 if row.trial is None else row.trial.number
    point = None if row.trial is None else settings.space.clean(row.parameters)
    if settings.final is not None:
        return final_config(settings, point, number)
    return dense_config(settings) if point is None else trial_config(settings, point, number)


def lost_rows(settings: Settings, study: Study) -> dict[str, str]:
    """Rows that were chosen and have no final result: name -> reason."""
    if settings.final is None:
        return {}
    return {row.record.variant: record.reason for row, record in _measured(settings, study) if record.status != "done"}


def _measured(settings: Settings, study: Study) -> list[tuple[Found, Record]]:
    rows = [(row, left(settings.folder, row.record.variant)) for row in _chosen(settings, study)]
    return [(row, record) for row, record in rows if record is not None]


def _chosen(settings: Settings, study: Study) -> list[Found]:
    rows = found_rows(settings, study)
    return [rows[0], *(row for row in pareto_set(settings, rows) if row.trial is not None)]
