"""The clock's bookkeeping; no time is asserted."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from vtoncompress.data.synthetic import Synthetic
from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.metric.base import Subject
from vtoncompress.metric.speed import AMORTISED, BATCHED, Speed


@dataclass
class Recorder(Runtime):
    """Answers with the person, and notes that it was called, with what, and whether the collector was on."""

    name: str
    log: list[tuple[str, float, bool]] = field(default_factory=list)

    def __call__(self, inputs: Tensors) -> Tensors:
        self.log.append((self.name, float(inputs["person"].sum()), gc.isenabled()))
        return {"image": inputs["person"]}

    def describe(self) -> dict[str, Any]:
        return {"runtime": self.name}


@dataclass
class Sized:
    size: tuple[int, int] = (128, 96)


@pytest.fixture
def log() -> list[tuple[str, float, bool]]:
    return []


def subject(log: list[tuple[str, float, bool]], pairs: int) -> Subject:
    data = Synthetic("test", 3, 128, 96)[:pairs]
    return Subject(Sized(), None, Recorder("variant", log), Recorder("dense", log), data)  # type: ignore[arg-type]


def test_variant_and_baseline_take_turns_on_the_same_pairs(log: list[tuple[str, float, bool]]) -> None:
    found = Speed(warmup=2, repetitions=5, seconds=0, turn=3).measure(subject(log, 3))
    turn = ["variant"] * 4 + ["dense"] * 4
    assert [name for name, *_ in log] == ["variant"] * 2 + ["dense"] * 2 + turn * 2
    shown = [picture for _, picture, _ in log[4:]]
    assert shown[:4] == shown[4:8]
    assert len(set(shown)) == 3
    assert not any(enabled for *_, enabled in log[4:])
    assert gc.isenabled()
    assert len(found.details["latency_ms"]) == len(found.details["baseline_latency_ms"]) == 6


def test_numbers_follow_from_the_samples(log: list[tuple[str, float, bool]]) -> None:
    found = Speed(warmup=0, repetitions=5, seconds=0.05, turn=1).measure(subject(log, 1))
    samples = found.details["latency_ms"]
    assert len(samples) >= 5
    assert found.values["latency_ms_p50"] == pytest.approx(np.percentile(samples, 50), abs=1e-3)
    assert found.values["latency_ms_p95"] == pytest.approx(np.percentile(samples, 95), abs=1e-3)
    assert found.values["fps"] == pytest.approx(1000 / found.values["latency_ms_p50"])
    ratios = np.divide(found.details["baseline_latency_ms"], samples)
    assert found.values["speedup"] == pytest.approx(np.median(ratios), rel=0.1)  # of samples rounded to microseconds
    assert found.details["runtime"] == {"runtime": "variant"}


def test_no_pairs_is_a_reason_and_no_repetitions_a_mistake(log: list[tuple[str, float, bool]]) -> None:
    assert set(Speed(1, 1, 0, 1).measure(subject(log, 0)).missing) == set(Speed.columns)
    with pytest.raises(ValueError, match="repetitions=0"):
        Speed(1, 0, 0, 1)


@dataclass
class Together(Recorder):
    """Takes many pairs at once; what it paints then is off by so much."""

    off: float = 0.0

    def many(self, inputs: Sequence[Tensors]) -> list[Tensors]:
        self.log.append((f"{self.name} {len(inputs)}", 0.0, gc.isenabled()))
        return [{"image": one["person"] + np.float32(self.off)} for one in inputs]


def test_batches_of_eight_take_turns(log: list[tuple[str, float, bool]]) -> None:
    both = replace(subject(log, 3), runtime=Together("variant", log), baseline=Together("dense", log))
    found = Speed(warmup=0, repetitions=1, seconds=0, turn=1, batches=4).measure(both)
    assert [name for name, *_ in log[-10:]] == ["variant 8", "dense 8"] * 5  # the first of each is not timed
    p50, raw = found.values["latency_ms_batch8_p50"], found.details["batch8_latency_ms"]
    assert p50 == pytest.approx(np.median(raw), abs=1e-3)
    assert len(raw) == len(found.details["batch8_baseline_latency_ms"]) == 4
    assert found.values["fps_batch8"] == pytest.approx(8000 / p50)
    assert found.details["cores_used"]
    off = replace(both, runtime=Together("variant", log, 0.1))
    found = Speed(0, 1, 0, 1, batches=4).measure(off)
    assert set(found.missing) == set(BATCHED)
    assert all("is off by" in told or "are off by" in told for told in found.missing.values())


@dataclass
class Keeper(Recorder):
    """Keeps the garment; what it paints with it is off by so much."""

    off: float = 0.0

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors]:
        assert sorted(fixed) == ["garment", "garment_mask"]
        self.log.append(("garment", float(fixed["garment"].sum()), gc.isenabled()))

        def call(inputs: Tensors) -> Tensors:
            assert sorted(inputs) == ["person"]
            self.log.append(("person", float(inputs["person"].sum()), gc.isenabled()))
            return {"image": inputs["person"] + np.float32(self.off)}

        return call


def test_people_who_share_a_garment_share_its_time(log: list[tuple[str, float, bool]]) -> None:
    shared = replace(subject(log, 2), runtime=Keeper("variant", log))
    found = Speed(warmup=0, repetitions=1, seconds=0, turn=1, people=3, garments=4).measure(shared)
    settled = [*["garment", *["person"] * 3] * 2, *["dense"] * 2]  # of two calls each the second one counts
    assert [name for name, *_ in log[-40:]] == settled * 4
    assert len(found.details["garment_with_people_ms"]) == 4
    together = np.median(found.details["garment_with_people_ms"])
    assert found.values["latency_ms_amortised_p50"] == pytest.approx(together / 3, abs=1e-3)
    ratios = np.divide(found.details["amortised_baseline_latency_ms"], found.details["garment_with_people_ms"])
    assert found.values["speedup_amortised"] == pytest.approx(3 * np.median(ratios), rel=0.1)
    assert found.details["amortised_parity_mean"] == 0


def test_amortised_columns_are_empty_with_a_reason(log: list[tuple[str, float, bool]]) -> None:
    ordinary = subject(log, 1)
    off = replace(ordinary, runtime=Keeper("variant", log, 0.1))
    for one, reason in ((ordinary, "keeps nothing"), (off, "is off by")):
        found = Speed(0, 1, 0, 1, people=2).measure(one)
        assert "speedup" in found.values
        assert set(found.missing) == set(AMORTISED)
        assert all(reason in told for told in found.missing.values())
    assert not Speed(0, 1, 0, 1).measure(ordinary).missing  # nobody asked


@pytest.mark.parametrize("few", [{"people": -1}, {"people": 2, "garments": 3}, {"batches": 3}])
def test_too_few_samples_to_tell_a_disturbance_are_refused(few: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 0, 4 and 4"):
        Speed(0, 1, 0, 1, **few)
