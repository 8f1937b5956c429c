"""What visitors sent is forgotten: it lies in one folder, whose files go when they are old and which goes last.

A demo that was killed can't remove it: the next one does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KEPT_SECONDS = 600
"""At most for which a visitor's files stay in that folder."""
PREFIX = "vtoncompress-demo-"
LOCK = "lock"
"""Of the demo that runs, in its folder; the system frees it whatever ends it."""
SWEEPS = 20
"""In that time."""


@contextmanager
def forgetful(seconds: float, kept: str) -> Iterator[Path]:
    """A folder in which all temporary files of this process lie, whatever makes them, until the end of the ``with``.

    None becomes ``seconds`` old but those in its folder ``kept``. Gradio alone would forget what it was handed
    whole, and not the part of an upload that broke off.
    """
    _remove_left(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, (Path(name) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        over, before = threading.Event(), tempfile.tempdir
        arguments = (Path(name), Path(name, kept), seconds, over)
        sweeper = threading.Thread(target=_sweep, args=arguments, daemon=True)
        tempfile.tempdir = name
        sweeper.start()
        try:
            yield Path(name)
        finally:
            over.set()
            sweeper.join()
            tempfile.tempdir = before


def _remove_left(place: Path) -> None:
    """Folders of demos that run no more."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / LOCK).open() as lock:  # somebody else's, or its demo runs
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path, kept: Path, seconds: float, over: threading.Event) -> None:
    pause = seconds / SWEEPS
    while not over.wait(pause):
        oldest = time.time() - seconds + pause
        for place, _, names in os.walk(folder):  # which does not mind that folders go meanwhile
            for path in (Path(place, name) for name in names):
                with suppress(OSError):  # gone by itself
                    if path != folder / LOCK and not path.is_relative_to(kept) and path.lstat().st_ctime <= oldest:
                        path.unlink()
