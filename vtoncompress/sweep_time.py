"""Where the time of a sweep went: what its variants did, and what the framework itself took."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vtoncompress.outcome import Ending

NOTHING = 0.05
RUNS = "runs.txt"
"""In the results folder: a line for each run that built something, with how long it took."""


def where_time_went(endings: Sequence[Ending], wall: float, written: float, workers: int, prepared: float = 0.0) -> str:
    """Of all that the command took; of several variants at once, of what they took one by one and what came around.

    The framework's share is of what was not waiting.

    Args:
        endings: of the variants, as they were run now.
        wall: seconds of the command.
        written: of them, those of tables and report.
        workers: variants at once.
        prepared: of the command's seconds, those before the first variant: composing and checking all of them.
    """
    variants, stages, start, waiting, tracker = (
        sum(ending.seconds.get(name, 0.0) for ending in endings)
        for name in ("total", "stage", "start", "waiting", "tracker")
    )
    if not stages + start:
        return f"time: {wall:.1f} s for {len(endings)} variants, nothing was built"
    total = wall if workers == 1 else prepared + variants + written
    own = max(0.0, total - stages - start - waiting - tracker - written)
    return (
        f"time: {total:.1f} s for {len(endings)} variants: {stages:.1f} s work, {start:.1f} s starting processes, "
        f"{_part(waiting, 'waiting for other work')}{_part(tracker, 'tracker')}{written:.1f} s tables and report, "
        f"{own:.1f} s ({own / max(total - waiting, 1e-9):.1%}) for checks, hashing, locks and records"
    )


def note_run(folder: Path, endings: Sequence[Ending], wall: float, told: str) -> None:
    """Add ``wall`` seconds and what :func:`where_time_went` told to an experiment's runs, if anything was built."""
    if not any(ending.seconds.get("stage") for ending in endings):
        return
    ended = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    line = f"until {ended} UTC, {wall / 60:.1f} min: {shlex.join(sys.argv[1:])}; {told}\n"
    with (folder / RUNS).open("a", encoding="utf-8") as runs:
        runs.write(line)


def _part(seconds: float, name: str) -> str:
    return f"{seconds:.1f} s {name}, " if seconds > NOTHING else ""
