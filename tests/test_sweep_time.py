"""The end of a sweep says what was work and what the framework took, of the little it keeps of its variants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vtoncompress.outcome import Ending
from vtoncompress.record import Record
from vtoncompress.sweep_time import RUNS, note_run, where_time_went

ENDINGS = [
    Ending("a", "done", "", {"total": 60.0, "stage": 50.0, "start": 4.0, "tracker": 1.0}),
    Ending("b", "done", "", {"total": 40.0, "stage": 30.0, "start": 3.0, "waiting": 5.0}),
]
PARTS = "80.0 s work, 7.0 s starting processes, 5.0 s waiting for other work, 1.0 s tracker, 8.0 s tables and report, "


@pytest.mark.parametrize(
    "endings, workers, told",
    [
        # Of 120 s all but work, start, waiting, tracker and tables; the share of the 115 that were not waiting.
        (ENDINGS, 1, f"time: 120.0 s for 2 variants: {PARTS}19.0 s (16.5%) for checks, hashing, locks"),
        # Two at once took 100 s one by one, after 4 s of composing and checking; tables were written after them.
        (ENDINGS, 2, f"time: 112.0 s for 2 variants: {PARTS}11.0 s (10.3%) for checks, hashing, locks"),
        (ENDINGS[:1], 1, "time: 120.0 s for 1 variants: 50.0 s work, 4.0 s starting processes, 1.0 s tracker, 8.0 s t"),
        ([Ending("a", "done", "", {"total": 0.1})], 1, "time: 120.0 s for 1 variants, nothing was built"),
    ],
)
def test_where_the_time_went(endings: list[Ending], workers: int, told: str) -> None:
    assert where_time_went(endings, 120.0, 8.0, workers, prepared=4.0).startswith(told)


def test_a_run_that_built_something_is_noted_with_its_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "experiment=mine", "a=[1, 2]"])
    note_run(tmp_path, [Ending("a", "done", "", {"total": 0.1})], 120.0, "time: nothing was built")
    assert not (tmp_path / RUNS).exists()
    for told in ("first", "second"):
        note_run(tmp_path, ENDINGS, 123.0, told)
    first, second = (tmp_path / RUNS).read_text().splitlines()
    assert re.fullmatch(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC, 2.0 min: experiment=mine 'a=\[1, 2\]'; first", first)
    assert second.endswith("; second")


def test_an_ending_is_what_the_end_of_a_sweep_tells_of_a_variant() -> None:
    details = {"total_seconds": 60.0, "stage_seconds": 50, "built_seconds": {"cost": 1.0}, "speed": {"samples": [1.0]}}
    record = Record("a", status="failed", reason="no space left", traceback="Traceback", details=details)
    assert Ending.of(record) == Ending("a", "failed", "no space left", {"total": 60.0, "stage": 50.0})
