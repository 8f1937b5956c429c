"""About how long a sweep takes."""

from __future__ import annotations

from typing import Any

import pytest

from vtoncompress import dry_run
from vtoncompress.pipeline import Stage

TOOK = {"finetuning": 100.0, "subject": 10.0}


def _stages(row: int) -> list[Stage]:
    """A row's training, and the measurement of its time, for which it has the machine alone."""
    training = Stage("finetuning", "vtoncompress.stage.finetuning:make", {"seed": row})
    return [training, Stage("subject", "vtoncompress.stage.subject:make", {"metric": {"speed": row}}, alone=True)]


@pytest.mark.parametrize(
    "rows, workers, seconds, told",
    [
        (4, 1, 440, "time: about 7 min, as like"),
        (4, 2, 240, "time: about 4 min with 2 workers, as like"),
        (4, 4, 140, "time: about 2 min with 4 workers, as like"),
        (2, 8, 120, "time: about 2 min with 8 workers, as like"),  # two rows are no more than two workers'
        (1, 8, 110, "time: about 110 s, as like"),
    ],
)
def test_workers_share_the_time_but_for_that_of_stages_that_measure_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any, rows: int, workers: int,
    seconds: float, told: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(dry_run, "_rows", lambda *_: [(f"row{row}", _stages(row), None) for row in range(rows)])
    monkeypatch.setattr(dry_run, "_artifacts", lambda name, _: [{"config": {}, "seconds": TOOK[name]}])
    configs = [{"store": str(tmp_path), "launcher": {"workers": workers}, "retry_disturbed": False}] * rows
    assert dry_run.decide(configs).seconds == pytest.approx(seconds)
    dry_run.print_plan(configs)
    assert told in capsys.readouterr().out


def test_the_longest_row_takes_its_time_whoever_works_beside() -> None:
    assert dry_run._side_by_side([(10, 600), (0, 60), (0, 0)], 2) == 610
    assert dry_run._side_by_side([(10, 0), (20, 0)], 2) == 30
