"""Stages share the machine; one that takes the time has it alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vtoncompress import machine

WORK = """
import sys, time
from vtoncompress import machine
with machine.use(alone=sys.argv[1] == "alone"):
    print("has it", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps of others on this machine must not decide this test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def _start(kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, kind]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _wait(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_many_work_at_once_and_one_measures_after_them() -> None:
    workers = [_start("shared"), _start("shared")]
    assert [_wait(worker) for worker in workers] == ["has it\n"] * 2
    alone = _start("alone")
    with pytest.raises(subprocess.TimeoutExpired):
        alone.wait(1.0)
    assert alone.stdout is not None
    workers[0].communicate("\n")
    workers[1].kill()  # the kernel frees what a killed process had
    assert _wait(alone) == "has it\n"
    late = _start("shared")
    with pytest.raises(subprocess.TimeoutExpired):
        late.wait(1.0)
    alone.communicate("\n")
    assert _wait(late) == "has it\n"
    late.communicate("\n")


def test_within_one_process_it_is_taken_again_after_it_was_freed() -> None:
    for alone in (True, False, True):
        with machine.use(alone):
            pass
