"""Several calls timed in turns, so that their ratios are of one run under one load."""

from __future__ import annotations

import gc
import itertools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from vtoncompress.progress import Progress


def take_turns(
    calls: Sequence[Callable[..., Any]],
    arguments: Sequence[tuple[Any, ...]],
    warmup: int,
    repetitions: int,
    seconds: float = 0,
    turn: int = 1,
    settle: int = 1,
) -> list[list[float]]:
    """Milliseconds of each call's timed runs, turn by turn: AAAA BBBB AAAA BBBB...

    A turn is ``settle`` calls that aren't timed and ``turn`` calls that are: right after another call its threads still
    spin and the caches hold its weights. The garbage collector is off meanwhile.

    Args:
        calls: what to time.
        arguments: of the calls, used in order and over again; every call gets the same.
        warmup: calls of each before the clock counts.
        repetitions: least number of timed calls of each, at least 1; whole turns are made.
        seconds: least duration of all turns together.
        turn: timed calls in a row, at least 1.
        settle: calls that aren't timed before them; a call of seconds needs none.
    """
    for call in calls:
        for given in itertools.islice(itertools.cycle(arguments), warmup):
            call(*given)
    endless = itertools.cycle(arguments)
    samples: list[list[float]] = [[] for _ in calls]
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        with Progress("turns timed", math.ceil(repetitions / turn), moves=False) as progress:
            while len(samples[0]) < repetitions or time.perf_counter() - start < seconds:
                shown = list(itertools.islice(endless, turn))
                for call, taken in zip(calls, samples, strict=True):
                    taken += _take_turn(call, [*itertools.repeat(shown[0], settle), *shown])[settle:]
                if progress.done < progress.total:  # turns beyond are made until the seconds are over
                    progress.step()
    finally:
        if collecting:
            gc.enable()
    return samples


def ratio_by_turn(numerator: Sequence[float], denominator: Sequence[float], turn: int = 1) -> float:
    """How many times the first call takes the second's time: the median over the turns of the ratio of their medians.

    A host whose speed changes from one turn to the next slows both calls of a turn alike. The ratio of two medians over
    all turns would set a call of the slow time against one of the fast.

    Args:
        numerator: milliseconds as :func:`take_turns` gives them, whole turns.
        denominator: as many of the other call, of the same turns.
        turn: timed calls in a row.
    """
    above, below = turn_medians(numerator, turn), turn_medians(denominator, turn)
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


def turn_medians(samples: Sequence[float], turn: int) -> list[float]:
    """The median of each turn of ``turn`` timed calls."""
    return [statistics.median(samples[start : start + turn]) for start in range(0, len(samples), turn)]


def _take_turn(call: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[float]:
    """Milliseconds of a call with each of the arguments."""
    taken = []
    for given in arguments:
        before = time.perf_counter_ns()
        call(*given)
        taken.append((time.perf_counter_ns() - before) / 1e6)
    return taken
