"""Stages share the machine; one that takes the time has it alone."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vtoncompress import machine

WORK = """
import sys
from pathlib import Path
from vtoncompress import machine
machine.FOLDER = Path(sys.argv[2])
with machine.use(alone=sys.argv[1] == "alone"):
    print("has it", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps of others on this machine must not decide this test."""
    monkeypatch.setattr(machine, "FOLDER", tmp_path)


def _start(kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, kind, str(machine.FOLDER)]
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


def test_who_waits_for_it_alone_gets_it_before_those_who_come_later(tmp_path: Path) -> None:
    first = _start("shared")
    assert _wait(first) == "has it\n"
    alone = _start("alone")
    _until_somebody_waits_alone(tmp_path)
    late = _start("shared")
    with pytest.raises(subprocess.TimeoutExpired):
        late.wait(1.0)
    first.communicate("\n")
    assert _wait(alone) == "has it\n"
    with pytest.raises(subprocess.TimeoutExpired):
        late.wait(0.5)
    alone.communicate("\n")
    assert _wait(late) == "has it\n"
    late.communicate("\n")


def _until_somebody_waits_alone(folder: Path) -> None:
    deadline = time.monotonic() + 30
    with (folder / f"vtoncompress-{os.getuid()}.gate").open("a") as gate:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(gate, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(gate, fcntl.LOCK_UN)
            time.sleep(0.02)
    pytest.fail("nobody waits")


def test_the_lock_is_the_machines_whatever_a_process_takes_for_its_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    with machine.use(alone=False):
        pass
    locks = {f"vtoncompress-{os.getuid()}.{kind}" for kind in ("machine", "gate")}
    assert {path.name for path in tmp_path.iterdir()} == {"other", *locks}
    monkeypatch.setattr(machine, "FOLDER", Path("/proc"))  # where nobody can write, not even root
    with machine.use(alone=False):
        pass
    assert {path.name for path in (tmp_path / "other").iterdir()} == locks


def test_within_one_process_it_is_taken_again_after_it_was_freed() -> None:
    for alone in (True, False, True):
        with machine.use(alone):
            pass


def test_waiting_is_counted_apart_from_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 13.5, 20.0, 20.5])
    monkeypatch.setattr(machine.time, "perf_counter", clock.__next__)
    before = machine.waited()
    for alone in (False, True):
        with machine.use(alone):
            pass
    assert machine.waited() - before == 4.0
