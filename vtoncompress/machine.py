"""The machine as a thing that stages share: many may work on it at once, one that takes the time has it alone."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def use(alone: bool) -> Iterator[None]:
    """Wait until the machine is free, of everybody or only of those who want it ``alone``, and keep it.

    It counts this user's processes on this machine, of any sweep and any store. The kernel frees it when a process
    dies. Whoever waits for it alone does not stop others from starting: it gets its turn between two of their stages.
    """
    lock = Path(tempfile.gettempdir()) / f"vtoncompress-{os.getuid()}.machine"
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
