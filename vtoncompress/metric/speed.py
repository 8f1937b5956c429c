"""How long a try-on call takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np

from vtoncompress.affinity import usable_cores
from vtoncompress.allocator import KEPT, memory
from vtoncompress.clock import ratio_by_turn, take_turns
from vtoncompress.data.base import Image, Pair
from vtoncompress.disturbance import LEAST_SAMPLES
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.try_on import TryOn

ONE_OFF = ("latency_ms_p50", "latency_ms_p95", "fps", "speedup")
BATCHED = ("latency_ms_batch8_p50", "fps_batch8", "speedup_batch8")
AMORTISED = ("latency_ms_amortised_p50", "fps_amortised", "speedup_amortised")
BATCH = 8
CHECKED = 4
"""Pairs whose picture is held against an ordinary call's before the amortised clock starts."""
TOLERANCE = 0.5
"""Levels of 255, in the mean, by which a picture may differ from an ordinary call's where calls share work."""


class Speed(SubjectMetric):
    """Latency of the whole try-on call in turns with the dense float32 network in eager PyTorch.

    From uint8 pictures to a uint8 picture: normalisation, network, finished image; no reading of files, and the
    garment's mask is given, not computed. Both networks run in turns on the same pairs, so that ``speedup``, the median
    over the turns of the ratio of their medians, bears a host whose speed changes. A turn is one call that isn't timed
    and ``turn`` calls that are: right after the other network's call its threads still spin and the caches hold its
    weights, which no deployed network meets. The garbage collector is off meanwhile, and the C library keeps memory
    that was given back.

    ``latency_ms_p50`` and ``latency_ms_p95`` of batch 1 in milliseconds, ``fps`` is 1000 / p50. Every sample is in the
    details, as are the cores that the process was kept on. The columns of batch 8 are of eight pairs handed over at
    once, until all eight pictures are there: how a runtime takes them, side by side or one after another, is told under
    ``many``. The amortised columns are a person's share of one garment on
    ``people`` people, the garment's own work included, where the runtime can keep what the garment decides; in turns
    with the same baseline's ordinary call.

    Args:
        warmup: calls of each network before the clock counts.
        repetitions: least number of timed calls of each, at least 1; whole turns are made.
        seconds: least duration of all turns together.
        turn: timed calls of one network in a row, at least 1.
        people: who share a garment; 0 where the amortised columns are not asked for.
        garments: how many are timed so, at least 4.
        batches: how many of eight are timed, at least 4; 0 where the columns of batch 8 are not asked for.
    """

    columns = (*ONE_OFF, *BATCHED, *AMORTISED)

    def __init__(
        self,
        warmup: int,
        repetitions: int,
        seconds: float,
        turn: int,
        people: int = 0,
        garments: int = LEAST_SAMPLES,
        batches: int = 0,
    ) -> None:
        if warmup < 0 or repetitions < 1 or seconds < 0 or turn < 1:
            raise ValueError(
                f"warmup={warmup}, repetitions={repetitions}, seconds={seconds}, turn={turn}: "
                "at least 0, 1, 0 and 1 are needed"
            )
        if people < 0 or garments < LEAST_SAMPLES or (batches != 0 and batches < LEAST_SAMPLES):
            raise ValueError(
                f"people={people}, garments={garments}, batches={batches}: at least 0, {LEAST_SAMPLES} and "
                f"{LEAST_SAMPLES} (or no batches, 0) are needed, for fewer samples don't tell what disturbed them"
            )
        self.warmup, self.repetitions, self.seconds, self.turn = warmup, repetitions, seconds, turn
        self.people, self.garments, self.batches = people, garments, batches

    def measure(self, subject: Subject) -> Measurement:
        if not subject.pairs:
            return Measurement(missing=dict.fromkeys(self.columns, "no pairs to run"))
        with memory(KEPT) as allocator:
            result = self._measure(subject)
        result.details["allocator"] = allocator
        return result

    def _measure(self, subject: Subject) -> Measurement:
        load = os.getloadavg()
        variant, baseline = (TryOn(runtime, subject.model.size) for runtime in (subject.runtime, subject.baseline))
        shown = [(pair.person, pair.garment, pair.garment_mask, pair.agnostic_mask) for pair in subject.pairs]
        samples = take_turns((variant, baseline), shown, self.warmup, self.repetitions, self.seconds, self.turn)
        p50, p95 = np.percentile(samples[0], [50, 95]).tolist()
        baseline_p50 = float(np.median(samples[1]))
        values = {"latency_ms_p50": p50, "latency_ms_p95": p95, "fps": 1000 / p50}
        values["speedup"] = ratio_by_turn(samples[1], samples[0], self.turn)
        details = {
            "baseline_latency_ms_p50": baseline_p50,
            "latency_ms": [round(sample, 3) for sample in samples[0]],
            "baseline_latency_ms": [round(sample, 3) for sample in samples[1]],
            "runtime": subject.runtime.describe(),
            "baseline_runtime": subject.baseline.describe(),
            "load_average": [round(value, 2) for value in load],
            "cores_used": usable_cores(),
        }
        result = Measurement(values, details=details)
        for found in (self._batch(variant, baseline, shown), self._amortise(variant, baseline, subject.pairs)):
            result.values |= found.values
            result.missing |= found.missing
            result.details |= found.details
        return result

    def _batch(self, variant: TryOn, baseline: TryOn, shown: Sequence[tuple[Any, ...]]) -> Measurement:
        """Eight pairs at once."""
        if not self.batches:
            return Measurement()
        eight = list(islice(cycle(shown), BATCH))
        off = max(_difference(one, variant(*pair)) for one, pair in zip(variant.many(eight), eight, strict=True))
        if off > TOLERANCE:
            return Measurement(
                missing=dict.fromkeys(BATCHED, f"together the pictures are off by {off:.2g} levels of 255")
            )
        times = take_turns((variant.many, baseline.many), [(eight,)], 1, self.batches, settle=0)
        p50 = float(np.median(times[0]))
        values = dict(zip(BATCHED, (p50, 1000 * BATCH / p50, ratio_by_turn(times[1], times[0])), strict=True))
        names = ("batch8_latency_ms", "batch8_baseline_latency_ms")
        raw = {name: [round(sample, 3) for sample in samples] for name, samples in zip(names, times, strict=True)}
        return Measurement(values, details={**raw, "batch8_parity_mean": off})

    def _amortise(self, variant: TryOn, baseline: TryOn, pairs: Sequence[Pair]) -> Measurement:
        """One garment on many people."""
        if not self.people:
            return Measurement()
        first = pairs[0]
        call = variant.with_garment(first.garment, first.garment_mask)
        if call is None:
            reason = "this runtime keeps nothing of a garment from call to call"
            return Measurement(missing=dict.fromkeys(AMORTISED, reason))
        off = _off(call, variant, pairs[:CHECKED])
        if off > TOLERANCE:
            reason = f"with the garment computed once the picture is off by {off:.2g} levels of 255"
            return Measurement(missing=dict.fromkeys(AMORTISED, reason))
        people = [pairs[place % len(pairs)] for place in range(self.people)]

        def share(garment: Image, mask: Image) -> None:
            call = variant.with_garment(garment, mask)
            assert call is not None
            for one in people:
                call(one.person, one.agnostic_mask)

        def alone(garment: Image, mask: Image) -> None:
            baseline(people[0].person, garment, mask, people[0].agnostic_mask)

        shown = [(one.garment, one.garment_mask) for one in pairs]
        together, ordinary = take_turns((share, alone), shown, 1, self.garments)
        p50 = float(np.median(together)) / self.people
        values = dict(zip(AMORTISED, (p50, 1000 / p50, self.people * ratio_by_turn(ordinary, together)), strict=True))
        details: dict[str, Any] = {
            "people": self.people,
            "garment_with_people_ms": [round(sample, 3) for sample in together],
            "amortised_baseline_latency_ms": [round(sample, 3) for sample in ordinary],
            "amortised_parity_mean": off,
        }
        return Measurement(values, details=details)


def _off(call: Callable[..., Image], variant: TryOn, pairs: Sequence[Pair]) -> float:
    """The largest difference between what a call with the first pair's garment kept paints and an ordinary one."""
    first = pairs[0]
    ordinary = [variant(one.person, first.garment, first.garment_mask, one.agnostic_mask) for one in pairs]
    again = [call(one.person, one.agnostic_mask) for one in pairs]
    return max(_difference(one, other) for one, other in zip(again, ordinary, strict=True))


def _difference(one: Image, other: Image) -> float:
    """Mean absolute difference, in levels of 255."""
    return float(np.abs(one.astype(np.float32) - other).mean())
