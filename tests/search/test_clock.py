from __future__ import annotations

import pytest

from vtoncompress.columns import SHOWN, Column
from vtoncompress.record import Record
from vtoncompress.search.clock import is_time, on_the_clock_of


@pytest.mark.parametrize("column", SHOWN, ids=lambda column: column.key)
def test_what_is_shown_as_a_time_is_one(column: Column) -> None:
    shown = any(unit in column.header for unit in ("(ms)", "(s)", "FPS", "speedup"))
    assert is_time(column.key) == shown


@pytest.mark.parametrize(
    "details, baseline",
    [
        ({"speed": {"baseline_latency_ms_p50": 20.0}}, {"speed": {"baseline_latency_ms_p50": 40.0}}),
        # Calls are of other numbers of steps, and tell nothing.
        (
            {"steps": {"baseline_step_ms": [9.0, 20.0, 21.0]}, "speed": {"baseline_latency_ms_p50": 100.0}},
            {"steps": {"baseline_step_ms": [40.0, 40.0, 70.0]}, "speed": {"baseline_latency_ms_p50": 100.0}},
        ),
    ],
    ids=["calls", "steps"],
)
def test_a_row_of_a_slower_hour_has_the_times_of_the_dense_row_s(
    details: dict[str, object], baseline: dict[str, object]
) -> None:
    values = {
        "latency_ms_p50": 8.0, "latency_ms_batch8_p50": 6.0, "fps": 100.0, "fps_batch8": 50.0, "speedup": 5.0,
        "step_ms_p50": 4.0, "image_s": 2.0, "image_speedup": 3.0, "ssim_garment": 0.8, "size_mib": 3.0,
    }  # fmt: skip
    row = Record("row", values=values, details=baseline)
    scaled = on_the_clock_of(Record("dense", details=details), row).values
    assert scaled == {
        "latency_ms_p50": 4.0, "latency_ms_batch8_p50": 3.0, "fps": 200.0, "fps_batch8": 100.0, "speedup": 5.0,
        "step_ms_p50": 2.0, "image_s": 1.0, "image_speedup": 3.0, "ssim_garment": 0.8, "size_mib": 3.0,
    }  # fmt: skip
    assert row.values["latency_ms_p50"] == 8.0
    assert on_the_clock_of(Record("dense"), row) is row


@pytest.mark.parametrize(
    "dense",
    [
        {"speed": {"baseline_latency_ms_p50": 40.0}},
        {"steps": {"baseline_step_ms": [40.0], "baseline_sampling": {"guidance": 2.5}}},
        {},
    ],
    ids=["a call", "a guided step", "nothing"],
)
def test_a_row_with_another_baseline_keeps_its_times(dense: dict[str, object]) -> None:
    steps = {"baseline_step_ms": [20.0], "baseline_sampling": {"guidance": 1.0}}
    row = Record("row", values={"latency_ms_p50": 8.0}, details={"steps": steps})
    assert on_the_clock_of(Record("dense", details=dense), row) is row
