"""Where the time of a sweep went: what its variants did, and what the framework itself took."""

from __future__ import annotations

from collections.abc import Sequence

from vtoncompress.outcome import Ending

NOTHING = 0.05


def where_time_went(endings: Sequence[Ending], wall: float, written: float, workers: int, prepared: float = 0.0) -> str:
    """Of all that the command took; of several variants at once, of what they took one by one and what came around.

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
        f"{own:.1f} s ({own / max(total, 1e-9):.1%}) for checks, hashing, locks and records"
    )


def _part(seconds: float, name: str) -> str:
    return f"{seconds:.1f} s {name}, " if seconds > NOTHING else ""
