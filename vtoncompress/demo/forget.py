"""What visitors sent is forgotten: it lies in one folder, whose files go when they are old and which goes last."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KEPT_SECONDS = 600
"""At most for which a visitor's files stay in that folder, and results in memory, for the slider."""
SWEEPS = 20
"""In that time."""


@contextmanager
def forgetful(seconds: float, kept: str) -> Iterator[Path]:
    """A folder in which all temporary files of this process lie, whatever makes them, until the end of the ``with``.

    None becomes ``seconds`` old but those in its folder ``kept``. Gradio alone would forget what it was handed
    whole, and not the part of an upload that broke off.
    """
    with tempfile.TemporaryDirectory(prefix="vtoncompress-demo-") as name:
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


def _sweep(folder: Path, kept: Path, seconds: float, over: threading.Event) -> None:
    pause = seconds / SWEEPS
    while not over.wait(pause):
        oldest = time.time() - seconds + pause
        for place, _, names in os.walk(folder):  # which does not mind that folders go meanwhile
            for path in (Path(place, name) for name in names):
                with suppress(OSError):  # gone by itself
                    if not path.is_relative_to(kept) and path.lstat().st_ctime <= oldest:
                        path.unlink()
