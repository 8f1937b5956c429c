"""Times are told that something else on the machine disturbed; no time is asserted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ROOT
from vtoncompress.disturbance import disturbance_notes, disturbed
from vtoncompress.record import Record, read_all


def row(name: str, own: float, baseline: float, restless: float = 1.0, **told: Any) -> Record:
    """Half of the samples of the baseline take ``restless`` times as long."""
    samples = {"latency_ms": [own] * 20, "baseline_latency_ms": [baseline] * 10 + [restless * baseline] * 10}
    return Record(
        name, model="toy", details={"speed": samples}, trust={"cpu": "this", "runtime": {"threads": 2}}, **told
    )


def test_rows_that_were_not_timed_in_peace_are_named() -> None:
    rows = [
        row("one", 9, 25), row("two", 5, 27), row("three", 5, 23), row("slow", 9, 40), row("restless", 9, 25, 1.5),
        Record("not_timed"),
    ]  # fmt: skip
    found = disturbed(rows)
    assert found == {
        "slow": "baseline 40.0 ms, of all rows 27.0",
        "restless": "baseline quartiles 25.0 and 37.5 ms",
    }
    [line] = disturbance_notes(rows)
    assert all(f"{variant} ({reason})" in line for variant, reason in found.items())
    assert disturbance_notes(rows[:3]) == []


def test_what_is_shared_by_many_people_is_looked_at_too() -> None:
    restless = row("restless", 9, 25)
    restless.details["speed"] |= {
        "garment_with_people_ms": [90.0, 91.0, 130.0, 131.0], "amortised_baseline_latency_ms": [25.0] * 4,
        "batch8_latency_ms": [70.0] * 3 + [71.0],
    }  # fmt: skip
    assert disturbed([restless, row("one", 9, 25)]) == {"restless": "own of one garment quartiles 90.2 and 130.8 ms"}


def test_a_share_of_a_garment_that_took_longer_than_a_whole_call_is_told() -> None:
    rows = [row(name, 9, 25, values={"latency_ms_p50": 9.0, "latency_ms_amortised_p50": shared}) for name, shared in
            (("shares", 7.0), ("saves_nothing", 9.3), ("can_not_be", 11.0))]  # fmt: skip
    assert disturbed(rows) == {"can_not_be": "a share of one garment 11.0 ms, a whole call 9.0"}


def test_the_correlations_clock_is_looked_at_too() -> None:
    samples = {"loop": [40.0] * 10 + [60.0] * 10, "ours": [5.0] * 20}
    rows = [Record("calm", details={"correlation": {"samples_ms": {"ours": [5.0] * 20}}})]
    rows.append(Record("restless", details={"correlation": {"samples_ms": samples}}))
    assert disturbed(rows) == {"restless": "loop correlation quartiles 40.0 and 60.0 ms"}


def test_another_machine_has_another_baseline() -> None:
    other = row("elsewhere", 9, 80)
    other.trust["cpu"] = "that"
    assert disturbed([row("one", 9, 25), row("two", 9, 26), other]) == {}


def test_a_baseline_of_other_steps_is_another() -> None:
    rows = [row("one", 9, 25), row("two", 9, 26), row("more_steps", 9, 80)]
    for record, steps in zip(rows, (20, 20, 50), strict=True):
        sampling = {"sampler": "DDIM", "steps": steps, "guidance_window": [0.0, 1.0]}
        record.details["speed"]["baseline_runtime"] = {"sampling": sampling}
    assert disturbed(rows) == {}
    rows[2].details["speed"]["baseline_runtime"] = rows[0].details["speed"]["baseline_runtime"]
    assert [*disturbed(rows)] == ["more_steps"]


@pytest.mark.parametrize("experiment", sorted(path.parent.name for path in (ROOT / "results").glob("*/records")))
def test_committed_tables_name_their_disturbed_rows(experiment: str) -> None:
    """So that whoever reads a speedup knows."""
    text = (ROOT / "results" / experiment / "table.md").read_text()
    lines = disturbance_notes([one for one in read_all(ROOT / "results" / experiment) if one.role == "variant"])
    assert all(line.replace("_", r"\_") in text or line in text for line in lines)
    assert ("Disturbed while timed" in text) == bool(lines)


def test_a_sampler_s_steps_are_looked_at_too() -> None:
    rows = [Record("calm", details={"steps": {"step_ms": [50.0] * 8, "baseline_step_ms": [90.0] * 8}})]
    rows.append(Record("restless", details={"steps": {"step_ms": [50.0] * 4 + [80.0] * 4}}))
    assert disturbed(rows) == {"restless": "step quartiles 50.0 and 80.0 ms"}
