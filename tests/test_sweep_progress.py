"""How far a sweep is, as its files tell."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vtoncompress import sweep_progress
from vtoncompress.dry_run import Decision
from vtoncompress.outcome import left
from vtoncompress.record import Record, write
from vtoncompress.sweep_progress import State, SweepProgress

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepProgress:
    """Of four variants, one of which the store has; two share a stage, and 100 s are expected."""
    fates = {
        "a": {"model": "cached"}, "b": {"model": "cached", "speed": "build"},
        "c": {"model": "shared", "speed": "build"}, "d": {"model": "build"},
    }  # fmt: skip
    monkeypatch.setattr(sweep_progress, "POLL_SECONDS", 0.02)
    configs = [{"results": str(tmp_path), "name": "mine", "variant": name} for name in NAMES]
    return SweepProgress(configs, Decision(fates, 100.0, 0, {}))


def log(folder: Path, name: str) -> None:
    (folder / "mine" / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "mine" / "logs" / f"{name}.log").touch()


def test_done_running_failed_waiting_and_an_estimate(progress: SweepProgress, tmp_path: Path) -> None:
    assert progress.state() == State(4, 0, 0, 0, 1)
    assert progress.line(progress.state(), 0) == (
        "sweep: 0 of 4 variants done, 0 running, 4 waiting, 1 stages shared, about 100 s left"
    )
    write(Record("a"), tmp_path / "mine")
    log(tmp_path, "b")
    assert progress.state() == State(4, 1, 1, 0, 1)
    write(Record("b"), tmp_path / "mine")
    write(Record("c", status="failed"), tmp_path / "mine")
    log(tmp_path, "d")
    # Two were built in 60 s, one was found: 30 s for the one that is left.
    assert progress.line(progress.state(), 60) == (
        "sweep: 2 of 4 variants done, 1 running, 1 failed, 0 waiting, 1 stages shared, about 30 s left"
    )


def test_a_record_is_read_again_only_when_it_is_another_file(
    progress: SweepProgress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(folder: Path, variant: str) -> Record | None:
        read.append(variant)
        return left(folder, variant)

    monkeypatch.setattr(sweep_progress, "left", counted)
    write(Record("a"), tmp_path / "mine")
    assert [progress.state().done for _ in range(3)] == [1, 1, 1]
    assert read == ["a"]
    write(Record("a", status="failed"), tmp_path / "mine")
    assert progress.state().failed == 1
    assert read == ["a", "a"]


def test_what_failed_before_and_is_not_tried_again_waits_for_nothing(tmp_path: Path) -> None:
    configs = [{"results": str(tmp_path), "name": "mine", "variant": name} for name in ("a", "b")]
    fates = {"a": {"model": "cached", "speed": "failed before"}, "b": {"model": "build"}}
    path = write(Record("a", status="failed"), tmp_path / "mine")
    os.utime(path, (time.time() - 3600,) * 2)
    progress = SweepProgress(configs, Decision(fates, 100.0, 0, {}))
    assert progress.state() == State(2, 0, 0, 1, 0)


def test_what_an_earlier_sweep_left_does_not_count(progress: SweepProgress, tmp_path: Path) -> None:
    path = write(Record("a"), tmp_path / "mine")
    os.utime(path, (time.time() - 3600,) * 2)
    assert progress.state().done == 0


def test_a_line_for_each_change_while_others_work(
    progress: SweepProgress, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress:
        write(Record("a"), tmp_path / "mine")
        deadline = time.monotonic() + 20
        told = ""
        while "1 of 4" not in told and time.monotonic() < deadline:
            time.sleep(0.02)
            told += capsys.readouterr().err
    lines = (told + capsys.readouterr().err).splitlines()
    # What was so before anything began is not said: a mistake that ends the sweep then is told alone.
    assert [line.partition(",")[0] for line in lines] == ["sweep: 1 of 4 variants done"]


def test_nothing_is_said_where_nothing_is_to_be_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decision = Decision({"a": {"model": "cached"}}, 0.0, 0, {})
    with SweepProgress([{"results": str(tmp_path), "name": "mine", "variant": "a"}], decision):
        pass
    assert capsys.readouterr().err == ""
