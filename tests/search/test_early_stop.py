from __future__ import annotations

from typing import Any

import pytest

from tests.search.conftest import LOOK
from vtoncompress.record import Record
from vtoncompress.search.early_stop import EarlyStop

RULE = EarlyStop.parse(LOOK)  # margins of 0.05 in both columns
GOOD = {"ssim_garment": 0.8, "gmacs": 0.5}


@pytest.mark.parametrize(
    "mine, stopped",
    [
        ({"ssim_garment": 0.7, "gmacs": 0.6}, True),
        ({"ssim_garment": 0.76, "gmacs": 0.6}, False),  # behind by less than the margin
        ({"ssim_garment": 0.5, "gmacs": 0.5}, False),  # as cheap
        ({"ssim_garment": 0.5, "gmacs": 0.3}, False),  # cheaper
        ({"ssim_garment": 0.85, "gmacs": 0.9}, False),  # better
        (GOOD, False),
    ],
)
def test_a_trial_ends_where_another_leads_by_more_than_the_margin_in_every_column(
    mine: dict[str, float], stopped: bool
) -> None:
    assert RULE.beaten_by(mine, {3: {"ssim_garment": 0.1, "gmacs": 0.9}, 7: GOOD}) == (7 if stopped else None)
    assert RULE.beaten_by(mine, {}) is None


def test_a_look_takes_the_columns_and_says_which_one_is_missing() -> None:
    record = Record("a", values={"gmacs": 1.0, "ssim_garment": 0.5, "psnr": 20.0})
    assert RULE.look(record) == {"gmacs": 1.0, "ssim_garment": 0.5}
    with pytest.raises(ValueError, match="b has no gmacs"):
        RULE.look(Record("b", values={"ssim_garment": 0.5}))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"overrides": []}, "search.early_stop needs overrides"),
        ({"overrides": [], "columns": {}}, "search.early_stop needs overrides"),
        ({"overrides": [], "columns": {"gmacs": {"direction": "minimize"}}}, "columns.gmacs: write"),
        ({"overrides": [], "columns": {"gmacs": {"direction": "down", "margin": 0}}}, "direction=down: choose one of"),
        ({"overrides": [], "columns": {"gmacs": {"direction": "minimize", "margin": -1}}}, "the number 0 or more"),
    ],
)
def test_a_rule_that_can_not_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EarlyStop.parse(options)
