"""How long a try-on call takes."""

from __future__ import annotations

import os

import numpy as np

from vtoncompress.clock import take_turns
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
        shown = [(pair.person, pair.garment, pair.garment_mask) for pair in subject.pairs]
        samples = take_turns((variant, baseline), shown, self.warmup, self.repetitions, self.seconds, self.turn)
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
