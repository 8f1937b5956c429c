"""A study's trials on disk: Optuna's journal, one line an event, appended to by all workers.

Not SQLite, whose locks many shared folders do not honour and which makes writers fail while another one writes. Of the
journal's own locks a killed process leaves a file behind, which the others break after 30 seconds and which two of them
may break at once; here the kernel frees the lock, as in the store.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

BLOCK = 4096


class JournalLock:
    """What Optuna holds while it writes a line. Who gets it first removes what a killed process left of one.

    Args:
        journal: the file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = FileLock(journal.with_name(f".{journal.name}.lock"), fallback_to_soft=False)

    def acquire(self) -> bool:
        """Wait for the lock; always True."""
        self._lock.acquire()
        _remove_torn_line(self._journal)
        return True

    def release(self) -> None:
        """Let the next one in."""
        self._lock.release()


def open_journal(path: Path) -> JournalStorage:
    """The storage in the file ``path``, made if missing, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalLock(path)))


def _remove_torn_line(path: Path) -> None:
    """A line without its end was never answered for; with another one appended to it no one could read the journal."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = end = file.seek(0, 2)
        while end:
            start = max(0, end - BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
