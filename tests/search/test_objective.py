from __future__ import annotations

from typing import Any

import pytest

from vtoncompress.record import Record
from vtoncompress.search.objective import Constraint, losses, parse_objectives

DENSE = Record("dense", values={"kid_shipped": 0.02, "ssim_garment": 0.8})


def test_less_is_better_in_every_loss() -> None:
    objectives = parse_objectives({"ssim_garment": "maximize", "size_mib": "minimize"})
    assert losses(Record("a", values={"ssim_garment": 0.7, "size_mib": 3}), objectives) == (-0.7, 3)


@pytest.mark.parametrize("column", ["fid", "kid", "fid_shipped", "kid_shipped"])
def test_what_doing_nothing_wins_is_no_objective(column: str) -> None:
    with pytest.raises(ValueError, match=rf"search\.objectives\.{column}: doing nothing .* make it a constraint"):
        parse_objectives({column: "minimize"})


@pytest.mark.parametrize(
    "objectives, message",
    [
        ({}, "search.objectives has 0 columns: give one to three"),
        (dict.fromkeys("abcd", "minimize"), "search.objectives has 4 columns"),
        ({"gmacs": "min"}, "search.objectives.gmacs=min: choose one of maximize, minimize"),
    ],
)
def test_objectives_that_can_not_be_are_refused(objectives: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_objectives(objectives)


@pytest.mark.parametrize(
    "column, options, value, violation",
    [
        ("kid_shipped", {"at_most": 0.05}, 0.07, 0.02),
        ("kid_shipped", {"at_most": 0.05}, 0.05, 0.0),
        ("kid_shipped", {"at_most": 0.05, "relative_to": "dense"}, 0.06, -0.01),
        ("ssim_garment", {"at_least": 0.7}, 0.75, -0.05),
        ("ssim_garment", {"at_least": -0.1, "relative_to": "dense"}, 0.65, 0.05),
    ],
)
def test_a_bound_holds_on_the_side_it_states(
    column: str, options: dict[str, Any], value: float, violation: float
) -> None:
    found = Constraint.parse(column, options).violation(column, Record("a", values={column: value}), DENSE)
    assert found == pytest.approx(violation, abs=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"at_most": 1, "at_least": 0},
        {"at_most": 1, "relative_to": "oracle"},
        {"at_most": 1, "x": 2},
        {"at_most": "a"},
    ],
)
def test_a_bound_that_says_something_else_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"search\.constraints\.kid_shipped"):
        Constraint.parse("kid_shipped", options)


def test_a_column_that_was_not_measured_is_named_with_the_reason() -> None:
    record = Record("a", missing={"kid": "Inception weights not given"})
    with pytest.raises(ValueError, match="a has no kid: Inception weights not given"):
        Constraint.parse("kid", {"at_most": 1}).violation("kid", record, DENSE)
    with pytest.raises(ValueError, match="a has no psnr: no metric of the row has such a column"):
        losses(record, {"psnr": "maximize"})
