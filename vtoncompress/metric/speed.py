"""How long a try-on call takes."""

from __future__ import annotations

import gc
import itertools
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vtoncompress.data.base import Pair
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.try_on import TryOn


class Speed(SubjectMetric):
    """Latency of the whole try-on call, batch 1, in turns with the dense float32 network in eager PyTorch.

    From uint8 pictures to a uint8 picture: normalisation, network, finished image; no reading of files, and the
    garment's mask is given, not computed. Both networks run in turns on the same pairs, so that ``speedup``, the ratio
    of their medians, is of one run under one load. A turn is one call that isn't timed and ``turn`` calls that are:
    right after the other network's call its threads still spin and the caches hold its weights, which no deployed
    network meets. The garbage collector is off meanwhile.

    ``latency_ms_p50`` and ``latency_ms_p95`` in milliseconds, ``fps`` is 1000 / p50. Every sample is in the details.

    Args:
        warmup: calls of each network before the clock counts.
        repetitions: least number of timed calls of each, at least 1; whole turns are made.
        seconds: least duration of all turns together.
        turn: timed calls of one network in a row, at least 1.
    """

    columns = ("latency_ms_p50", "latency_ms_p95", "fps", "speedup")

    def __init__(self, warmup: int, repetitions: int, seconds: float, turn: int) -> None:
        if warmup < 0 or repetitions < 1 or seconds < 0 or turn < 1:
            raise ValueError(
                f"warmup={warmup}, repetitions={repetitions}, seconds={seconds}, turn={turn}: "
                "at least 0, 1, 0 and 1 are needed"
            )
        self.warmup, self.repetitions, self.seconds, self.turn = warmup, repetitions, seconds, turn

    def measure(self, subject: Subject) -> Measurement:
        if not subject.pairs:
            return Measurement(missing=dict.fromkeys(self.columns, "no pairs to run"))
        load = os.getloadavg()
        variant, baseline = (TryOn(runtime, subject.model.size) for runtime in (subject.runtime, subject.baseline))
        samples = self._time((variant, baseline), subject.pairs)
        p50, p95 = np.percentile(samples[0], [50, 95]).tolist()
        baseline_p50 = float(np.median(samples[1]))
        values = {"latency_ms_p50": p50, "latency_ms_p95": p95, "fps": 1000 / p50, "speedup": baseline_p50 / p50}
        details = {
            "baseline_latency_ms_p50": baseline_p50,
            "latency_ms": [round(sample, 3) for sample in samples[0]],
            "baseline_latency_ms": [round(sample, 3) for sample in samples[1]],
            "runtime": subject.runtime.describe(),
            "baseline_runtime": subject.baseline.describe(),
            "load_average": [round(value, 2) for value in load],
        }
        return Measurement(values, details=details)

    def _time(self, calls: Sequence[Callable[..., Any]], pairs: Sequence[Pair]) -> list[list[float]]:
        """Milliseconds of each call's timed runs, turn by turn: AAAA BBBB AAAA BBBB..."""
        for call in calls:
            for pair in itertools.islice(itertools.cycle(pairs), self.warmup):
                call(pair.person, pair.garment, pair.garment_mask, pair.agnostic_mask)
        endless = itertools.cycle(pairs)
        samples: list[list[float]] = [[] for _ in calls]
        collecting = gc.isenabled()
        gc.collect()
        gc.disable()
        try:
            start = time.perf_counter()
            while len(samples[0]) < self.repetitions or time.perf_counter() - start < self.seconds:
                shown = list(itertools.islice(endless, self.turn))
                for call, taken in zip(calls, samples, strict=True):
                    taken += _take_turn(call, shown)
        finally:
            if collecting:
                gc.enable()
        return samples


def _take_turn(call: Callable[..., Any], pairs: Sequence[Pair]) -> list[float]:
    """Milliseconds of a call with each pair, after one that isn't timed."""
    taken = []
    for pair in (pairs[0], *pairs):
        before = time.perf_counter_ns()
        call(pair.person, pair.garment, pair.garment_mask, pair.agnostic_mask)
        taken.append((time.perf_counter_ns() - before) / 1e6)
    return taken[1:]
