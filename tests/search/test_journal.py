from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import optuna
import pytest

from vtoncompress.search.journal import BLOCK, JournalLock, open_journal


def _study(path: Path) -> optuna.Study:
    return optuna.create_study(storage=open_journal(path), study_name="a", load_if_exists=True)


@pytest.mark.parametrize("torn", ['{"op_code":4,"wor', "x" * (2 * BLOCK + 5)])
def test_what_a_killed_process_left_of_a_line_is_removed_by_the_next_writer(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "journal.log"
    first = _study(path)
    first.tell(first.ask(), 1.0)
    with path.open("a") as file:
        file.write(torn)
    second = _study(path)
    second.tell(second.ask(), 2.0)
    assert [trial.value for trial in _study(path).trials] == [1.0, 2.0]
    assert [trial.value for trial in first.trials] == [1.0, 2.0]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_journal_of_a_torn_line_alone_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_text('{"op_co')
    assert _study(path).trials == []


def _hold(path: str, ready: str) -> None:
    JournalLock(Path(path)).acquire()
    Path(ready).write_text("")
    time.sleep(60)


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    ready, path = tmp_path / "ready", tmp_path / "journal.log"
    holder = multiprocessing.get_context("fork").Process(target=_hold, args=(str(path), str(ready)))
    holder.start()
    while not ready.exists():
        time.sleep(0.01)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    begun = time.monotonic()
    lock = JournalLock(path)
    assert lock.acquire()
    lock.release()
    assert time.monotonic() - begun < 5  # Optuna's own locks wait for 30 seconds
