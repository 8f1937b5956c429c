"""Who uses a store at the moment, so that collecting garbage takes nothing from under a running process.

Each process that finds or builds something holds a lease: a locked file whose name says when it began. What it has
found since was touched since, so nothing used after the oldest lease began may go. The kernel ends a dead process's,
which is why no lock here is a mere file that is there or not, as filelock would have it without ``flock``.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

SUFFIX = ".lease"
POLL_SECONDS = 0.005


class Lease:
    """This process's lease of a store, from the first :meth:`take` until the object is no longer needed.

    Args:
        folder: the store's locks; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: FileLock | None = None

    @contextmanager
    def gate(self) -> Iterator[None]:
        """A short lock of the whole store, in which something is found or something is taken away, never both.

        Raises:
            OSError: the store can't be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "gate.lock", poll_interval=POLL_SECONDS, fallback_to_soft=False):
            yield

    def take(self) -> None:
        """Begin, unless begun. Only within the gate. OSError: the store can't be written."""
        if self._lock is None:
            path = self.folder / f"{time.time_ns()}.{uuid.uuid4().hex}{SUFFIX}"
            # Not of one thread: whichever collects this object ends it.
            lock = FileLock(path, thread_local=False, fallback_to_soft=False)
            lock.acquire(blocking=False)
            self._lock = lock
            weakref.finalize(self, _end, lock, path, os.getpid())

    def oldest(self) -> float | None:
        """When the first of the leases that still run began, in seconds of ``time.time()``; None where none runs.

        Only within the gate. Removes what dead processes left.
        """
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            lock = FileLock(path, fallback_to_soft=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                return int(path.name.partition(".")[0]) / 1e9
            path.unlink(missing_ok=True)
            lock.release()
        return None


def _end(lock: FileLock, path: Path, process: int) -> None:
    if os.getpid() != process:  # a forked worker has the object too, but it is not the one to end it
        return
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        lock.release()
