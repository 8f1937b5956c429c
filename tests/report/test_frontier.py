"""What dominates, held against an independent look at every pair of rows."""

from __future__ import annotations

import numpy as np

from tests.report.conftest import figures, row
from vtoncompress.record import Record
from vtoncompress.report.axes import COSTS, QUALITY, quality_of
from vtoncompress.report.costs import draw_costs
from vtoncompress.report.frontier import dominating, frontiers, letters
from vtoncompress.report.pareto import draw_frontier


def test_a_front_has_the_rows_that_no_other_beats_to_the_digits_of_the_table(records: list[Record]) -> None:
    found = {one.cost.key: [best.variant for best in one.best] for one in frontiers(records)}
    # 0.8402 and 0.8398 are both 0.840 in the table: dense wins nothing by it.
    assert found == {
        "latency_ms_p50": ["int8"], "size_mib": ["int8"], "gmacs": ["pruned40", "pruned20", "dense", "int8"]
    }  # fmt: skip
    assert [one.variant for one in dominating(frontiers(records))] == ["int8", "pruned20", "pruned40"]


def test_a_row_that_is_better_by_what_other_pairs_would_change_is_not_worth_its_cost() -> None:
    rows = [
        row("float32", figures(0.643, 6.0, 7.5, 0.43)),
        row("int8", figures(0.641, 4.5, 3.4, 0.43), order=1),
        row("better", figures(0.649, 6.1, 7.6, 0.43), order=2),
    ]
    assert [one.variant for one in frontiers(rows)[0].best] == ["int8", "float32", "better"]
    assert [one.variant for one in dominating(frontiers(rows))] == ["int8", "better"]


def test_random_rows_against_the_definition() -> None:
    numbers = np.random.default_rng(0).uniform(0.1, 0.9, (40, 4)).round(1)
    rows = [row(f"r{index}", figures(*map(float, one)), order=index) for index, one in enumerate(numbers)]
    for place, frontier in enumerate(frontiers(rows), start=1):
        expected = {
            f"r{i}"
            for i, one in enumerate(numbers)
            if not any(
                other[0] >= one[0] and other[place] <= one[place] and (other[0] > one[0] or other[place] < one[place])
                for other in numbers
            )
        }
        assert {one.variant for one in frontier.best} == expected
    for one in dominating(frontiers(rows)):
        mine = numbers[int(one.variant[1:])]
        better = (numbers[:, 0] >= mine[0]) & (numbers[:, 1:] <= mine[1:]).all(1) & (numbers != mine).any(1)
        assert not better.any()


def test_a_disturbed_row_is_in_no_front_of_time_and_in_those_of_other_costs(records: list[Record]) -> None:
    int8 = next(one for one in records if one.variant == "int8")
    int8.details["speed"] = {"baseline_latency_ms": [30.0] * 8, "latency_ms": [2.0, 9.0] * 4}
    found = {one.cost.key: one for one in frontiers(records)}
    assert [one.variant for one in found["latency_ms_p50"].best] == ["pruned20", "dense"]
    assert int8 in found["latency_ms_p50"].records
    assert [one.variant for one in found["size_mib"].best] == ["int8"]
    assert "hollow" in draw_frontier(found["latency_ms_p50"], records, {"dense": "A"}, "time").svg
    assert "hollow" not in draw_frontier(found["size_mib"], records, {"int8": "A"}, "size").svg


def test_a_row_timed_on_another_machine_is_hollow_and_in_no_front_of_time(records: list[Record]) -> None:
    int8 = next(one for one in records if one.variant == "int8")
    int8.trust["cpu"] = "another CPU"
    found = {one.cost.key: one for one in frontiers(records)}
    assert [one.variant for one in found["latency_ms_p50"].best] == ["pruned20", "dense"]
    assert found["latency_ms_p50"].restless == {"int8"}
    assert [one.variant for one in found["size_mib"].best] == ["int8"]


def test_without_quality_there_is_nothing_to_choose_by() -> None:
    rows = [row("a", {"gmacs": 1.0}), row("b", {"gmacs": 2.0})]
    assert quality_of(rows) is None
    assert frontiers(rows) == []
    assert dominating([]) == []


def test_without_quality_every_cost_that_rows_share_is_drawn_with_its_numbers(records: list[Record]) -> None:
    rows = [row("a", {"gmacs": 1.25, "latency_ms_p50": 3.0}), row("b", {"gmacs": 2.5, "size_mib": 4.0})]
    [drawing] = draw_costs(rows, "")
    assert drawing.name == "cost_gmacs"
    assert all(f"> {value}<" in drawing.svg for value in ("1.25", "2.50"))
    assert draw_costs(records, "") == []


def test_real_pairs_are_judged_by_fid_of_which_less_is_better() -> None:
    rows = [row("good", {"fid": 8.0, "gmacs": 1.0}), row("bad", {"fid": 9.0, "gmacs": 1.0})]
    [frontier] = frontiers(rows)
    assert (frontier.quality, frontier.cost) == (QUALITY[1], COSTS[2])
    assert [one.variant for one in frontier.best] == ["good"]


def test_every_row_has_a_letter_of_its_own() -> None:
    rows = [row(f"r{index}") for index in range(30)]
    found = letters(rows)
    assert (found["r0"], found["r25"], found["r26"]) == ("A", "Z", "AA")
    assert len(set(found.values())) == 30


def test_a_reference_that_two_experiments_share_is_drawn_once_by_its_own_name() -> None:
    rows = [row(f"{name}.dense", figures(quality, 30, 18, 1.2)) for name, quality in (("a", 0.8), ("b_c", 0.5))]
    shared = [row(f"{name}.oracle-0d1e", {"ssim_garment": 0.9}, role="oracle") for name in ("a", "b_c")]
    other = row("b_c.pasted-0d1e", {"ssim_garment": 0.6}, role="reference")
    svg = draw_frontier(frontiers(rows)[0], [*rows, *shared, other], {}, "compared").svg
    assert svg.count(">true flow (oracle)<") == 1
    assert svg.count(">garment pasted<") == 1
    assert "oracle-0d1e" not in svg
