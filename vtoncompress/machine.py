"""The machine as a thing that stages share: many may work on it at once, one that takes the time has it alone."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

FOLDER = Path("/tmp")
"""Of the locks. One of the machine's: by ``TMPDIR`` two processes may have two, and two locks are none."""

_waited = 0.0


def waited() -> float:
    """Seconds that this process has waited in :func:`use`."""
    return _waited


@contextmanager
def use(alone: bool) -> Iterator[None]:
    """Wait until the machine is free, of everybody or only of those who want it ``alone``, and keep it.

    It counts this user's processes on this machine, of any sweep and any store. The kernel frees it when a process
    dies. Nobody else begins while somebody waits for it alone, or stages that overlap would keep it waiting for ever;
    so a process that has it must not ask for it again.
    """
    global _waited
    begun = time.perf_counter()
    with _open("gate") as gate, _open("machine") as machine:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        fcntl.flock(gate, kind)
        fcntl.flock(machine, kind)
        fcntl.flock(gate, fcntl.LOCK_UN)
        _waited += time.perf_counter() - begun
        yield


def _open(kind: str) -> TextIO:
    name = f"vtoncompress-{os.getuid()}.{kind}"
    try:
        return (FOLDER / name).open("a")
    except OSError:  # nobody may write there, so that no process of this user has its lock there
        return (Path(tempfile.gettempdir()) / name).open("a")
