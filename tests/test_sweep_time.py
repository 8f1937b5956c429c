"""The end of a sweep says what was work and what the framework took."""

from __future__ import annotations

import pytest

from vtoncompress.record import Record
from vtoncompress.sweep_time import where_time_went

RECORDS = [
    Record("a", details={"total_seconds": 60.0, "stage_seconds": 50.0, "start_seconds": 4.0, "tracker_seconds": 1.0}),
    Record("b", details={"total_seconds": 40.0, "stage_seconds": 30.0, "start_seconds": 3.0, "waiting_seconds": 5.0}),
]
PARTS = "80.0 s work, 7.0 s starting processes, 5.0 s waiting for other work, 1.0 s tracker, 8.0 s tables and report, "


@pytest.mark.parametrize(
    "records, workers, told",
    [
        # Of 120 s all but work, start, tracker and tables.
        (RECORDS, 1, f"time: 120.0 s for 2 variants: {PARTS}19.0 s (15.8%) for checks, hashing, locks"),
        # Two at once took 100 s one by one, after 4 s of composing and checking; tables were written after them.
        (RECORDS, 2, f"time: 112.0 s for 2 variants: {PARTS}11.0 s (9.8%) for checks, hashing, locks"),
        (RECORDS[:1], 1, "time: 120.0 s for 1 variants: 50.0 s work, 4.0 s starting processes, 1.0 s tracker, 8.0 s t"),
        ([Record("a", details={"total_seconds": 0.1})], 1, "time: 120.0 s for 1 variants, nothing was built"),
    ],
)
def test_where_the_time_went(records: list[Record], workers: int, told: str) -> None:
    assert where_time_went(records, 120.0, 8.0, workers, prepared=4.0).startswith(told)
