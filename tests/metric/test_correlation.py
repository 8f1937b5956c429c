"""The correlation's clock: which levels it finds, and that its numbers follow from its samples."""

from __future__ import annotations

import statistics
from types import SimpleNamespace

import pytest

from vtoncompress.benchmark.candidates import Level
from vtoncompress.metric.correlation import TIMED, CorrelationSpeed, correlation_levels, summarise
from vtoncompress.model.pf_afn import PFAFN


def test_it_times_the_correlations_of_the_variants_own_network() -> None:
    network = PFAFN(1 / 32, (64, 96))
    assert correlation_levels(network) == [Level(8, 2 << level, 3 << level) for level in range(5)]
    found = CorrelationSpeed(runs=3, warmup=0, turn=2).measure(SimpleNamespace(model=network))  # type: ignore[arg-type]
    assert found.values.keys() == set(CorrelationSpeed.columns)
    assert found.values["correlation_runs"] == 4  # whole turns
    for form in TIMED:
        samples = found.details["samples_ms"][form]
        assert len(samples) == 4
        assert found.values[f"correlation_{form}_ms"] == pytest.approx(statistics.median(samples), abs=1e-3)
        assert found.details["total"][f"{form}_s"] == pytest.approx(sum(samples) / 1e3, abs=1e-5)


def test_totals_rates_and_accelerations() -> None:
    told = summarise({"loop": [100.0, 300.0], "im2col": [50.0, 50.0]})
    assert told["total"]["loop_s"] == pytest.approx(0.4)
    assert told["mean"]["loop_s"] == pytest.approx(0.2)
    for kind in ("total", "mean"):
        assert told[kind]["im2col_fps"] == pytest.approx(20)
        assert told[kind]["im2col_acceleration"] == pytest.approx(4)


def test_no_correlation_is_a_reason_and_no_runs_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vtoncompress.metric.correlation.correlation_levels", lambda model: [])
    found = CorrelationSpeed(1, 0, 1).measure(SimpleNamespace(model=None))  # type: ignore[arg-type]
    assert set(found.missing) == set(CorrelationSpeed.columns)
    with pytest.raises(ValueError, match="runs=0"):
        CorrelationSpeed(0, 1, 1)
