from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.search.conftest import MakeSettings
from vtoncompress.record import Record
from vtoncompress.search.comparison import FILE, compare, describe, write_comparison

OBJECTIVES = {"ssim_garment": "maximize", "gmacs": "minimize"}


def _row(name: str, ssim: float, gmacs: float, cpu: str = "a", **values: float) -> Record:
    trust = {"cpu": cpu, "threads_available": 2}
    figures = {"ssim_garment": ssim, "gmacs": gmacs, **values}
    return Record(name, protocol="generated", pairs=4, values=figures, trust=trust)


DENSE = _row("dense", 0.8, 1.0, kid_shipped=0.02)


def test_a_frontier_is_worth_what_it_beats_of_the_box_that_both_span(settings: MakeSettings) -> None:
    """Scaled, mine are (0, 1), (0.5, 0) and theirs (0, 1), (1, 0); the box ends at 1.1 in both."""
    mine = [_row("a", 0.8, 1.0), _row("b", 0.7, 0.5), _row("c", 0.6, 0.9)]
    theirs = [_row("a", 0.8, 1.0), _row("b", 0.6, 0.5)]
    first, second = compare(settings(objectives=OBJECTIVES), mine, theirs, DENSE)
    assert (first.rows, first.frontier, second.rows, second.frontier) == (3, 2, 2, 2)
    assert first.hypervolume == pytest.approx((1.1 * 0.1 + 0.6 * 1.0) / 1.21)
    assert second.hypervolume == pytest.approx((1.1 * 0.1 + 0.1 * 1.0) / 1.21)
    assert "0.587 of this search (2 of 3 rows), 0.174 of grid (2 of 2 rows)" in describe((first, second), "grid")


def test_both_sides_keep_the_constraints(settings: MakeSettings) -> None:
    rows = [_row("a", 0.8, 1.0, kid_shipped=0.02), _row("b", 0.7, 0.1, kid_shipped=0.5), _row("c", 0.7, 0.5)]
    mine = settings(objectives=OBJECTIVES, constraints={"kid_shipped": {"at_most": 0.1, "relative_to": "dense"}})
    first, second = compare(mine, rows[:1], rows, DENSE)
    assert (first.rows, second.rows) == (1, 1)
    assert first.hypervolume == second.hypervolume
    with pytest.raises(ValueError, match="no row of the other experiment has every objective and holds every constr"):
        compare(mine, rows[:1], rows[1:], DENSE)


@pytest.mark.parametrize(
    "objectives, changed, message",
    [
        (OBJECTIVES, {"pairs": 8}, "can't be compared: pairs is 4"),
        (
            {"latency_ms_p50": "minimize"},
            {"trust": {"cpu": "b"}},
            "times of different machines",
        ),
        (
            {"latency_ms_p50": "minimize"},
            {"trust": {"cpu": "a", "threads_available": 2, "instruction_set": ["AVX2"]}},
            "times of different machines can't be compared .a, , 2 threads; a, AVX2, 2 threads.",
        ),
    ],
)
def test_what_was_measured_otherwise_is_not_compared(
    settings: MakeSettings, objectives: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    row, other = (_row(name, 0.8, 1.0, latency_ms_p50=5.0) for name in "ab")
    for name, value in changed.items():
        setattr(other, name, value)
    with pytest.raises(ValueError, match=message):
        compare(settings(objectives=objectives), [row], [other], DENSE)


def test_times_are_brought_to_one_clock_by_the_baseline_that_each_was_timed_with(settings: MakeSettings) -> None:
    """The second side was timed when the machine was half as fast: its row is the same one."""
    rows = [_row("a", 0.8, 1.0, latency_ms_p50=latency, fps=1000 / latency) for latency in (5.0, 10.0)]
    for row, baseline in zip(rows, (20.0, 40.0), strict=True):
        row.details["speed"] = {"baseline_latency_ms_p50": baseline}
    objectives = {"latency_ms_p50": "minimize", "fps": "maximize", "ssim_garment": "maximize"}
    first, second = compare(settings(objectives=objectives), rows[:1], rows[1:], rows[0])
    assert first.hypervolume == second.hypervolume
    assert rows[1].values["latency_ms_p50"] == 10.0


def test_a_bound_of_time_holds_on_the_clock_of_the_search(settings: MakeSettings) -> None:
    """Timed when the machine was half as fast, the second side keeps a bound that its clock alone would break."""
    rows = [_row("a", 0.8, 1.0, latency_ms_p50=latency) for latency in (5.0, 10.0)]
    for row, baseline in zip(rows, (20.0, 40.0), strict=True):
        row.details["speed"] = {"baseline_latency_ms_p50": baseline}
    bounded = settings(objectives=OBJECTIVES, constraints={"latency_ms_p50": {"at_most": 6.0}})
    first, second = compare(bounded, rows[:1], rows[1:], rows[0])
    assert (first.rows, second.rows) == (1, 1)
    rows[1].details["speed"] |= {"latency_ms": [10.0] * 5 + [40.0] * 3, "baseline_latency_ms": [40.0] * 8}
    assert [*compare(bounded, rows[:1], rows[1:], rows[0])[1].disturbed] == ["a"]
    rows[1].trust["cpu"] = "b"
    with pytest.raises(ValueError, match="times of different machines"):
        compare(bounded, rows[:1], rows[1:], rows[0])


def test_rows_that_were_not_timed_in_peace_are_named_and_written(settings: MakeSettings, tmp_path: Path) -> None:
    rows = [_row(name, 0.8, 1.0, latency_ms_p50=5.0) for name in ("calm", "calm_too", "restless")]
    for row, last in zip(rows, (20.0, 20.0, 60.0), strict=True):
        samples = {"latency_ms": [5.0] * 8, "baseline_latency_ms": [20.0] * 5 + [last] * 3}
        row.details["speed"] = {"baseline_latency_ms_p50": 20.0, **samples}
    timed = settings(objectives={"latency_ms_p50": "minimize", "ssim_garment": "maximize"})
    sides = compare(timed, rows[:2], rows, rows[0])
    assert [*sides[0].disturbed] == []
    assert [*sides[1].disturbed] == ["restless"]
    [line] = [line for line in describe(sides, "grid").splitlines() if "Disturbed" in line]
    assert "of grid: restless (baseline quartiles 20.0 and 60.0 ms)." in line
    write_comparison(sides, "grid", tmp_path)
    written = json.loads((tmp_path / FILE).read_text())
    assert written["compared_with"] == "grid"
    assert written["other"]["disturbed"].keys() == {"restless"}
    assert written["search"]["hypervolume"] == pytest.approx(sides[0].hypervolume)
    untimed = compare(settings(objectives=OBJECTIVES), rows[:2], rows, rows[0])
    assert untimed[1].disturbed == {}, "of what isn't timed no row is disturbed"


def test_the_hypervolume_without_times_tells_whether_the_clock_decided(settings: MakeSettings) -> None:
    """The second side is faster and has a worse network: without times it has nothing."""
    objectives = {"latency_ms_p50": "minimize", "ssim_garment": "maximize", "gmacs": "minimize"}
    mine = [_row("a", 0.8, 1.0, latency_ms_p50=9.0)]
    theirs = [_row("b", 0.7, 2.0, latency_ms_p50=1.0)]
    first, second = compare(settings(objectives=objectives), mine, theirs, mine[0])
    assert first.hypervolume == pytest.approx(0.1 * 1.1 * 1.1 / 1.331)
    assert second.hypervolume == pytest.approx(1.1 * 0.1 * 0.1 / 1.331)
    assert first.hypervolume_without_times == pytest.approx(1.0)
    assert second.hypervolume_without_times == pytest.approx(0.01 / 1.21)
    assert "Without times: 1.000 and 0.008." in describe((first, second), "grid")
    of_time_alone = compare(settings(objectives={"latency_ms_p50": "minimize"}), mine, theirs, mine[0])
    assert [side.hypervolume_without_times for side in of_time_alone] == [None, None]
    assert "Without times" not in describe(of_time_alone, "grid")
