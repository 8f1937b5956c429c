"""The best network so far is kept, whatever becomes of those after it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.quantization.test_judge import Painter
from vtoncompress.data.base import Pair
from vtoncompress.quantization.judge import Budget, Judge
from vtoncompress.quantization.trials import BROKEN, Trials

NAN = float("nan")


@pytest.fixture
def trials(pairs: list[Pair]) -> Trials:
    """Begun with a painter that mixes half of the garment in; others lose garment or distance."""
    begun = Trials(Judge(pairs), Budget(garment_ssim=0.01, fid_percent=5))
    assert begun.begin(Painter(0.5)) == 1
    return begun


def add(trials: Trials, *shares: float) -> list[float]:
    return [trials.add(lambda share=share: (f"network {share}", Painter(share)), share=str(share)) for share in shares]


def fail() -> Any:
    raise RuntimeError("the toolkit broke\nin two lines")


def test_a_broken_trial_costs_none_before_it(trials: Trials) -> None:
    margins = add(trials, 0.6, NAN, 0.55)
    assert margins[1] == BROKEN
    assert BROKEN < margins[0] < margins[2]
    assert trials.best() == "network 0.55"
    record = json.loads(json.dumps(trials.record(), allow_nan=False))
    assert (record["chosen"], len(record["trials"])) == (2, 3)
    assert "the network gave NaN" in record["trials"][1]["error"]
    assert record["trials"][1]["margin"] == BROKEN
    assert {*record["trials"][2]} == {"share", "garment_ssim", "fid", "margin"}


def test_the_last_one_may_be_the_broken_one(trials: Trials) -> None:
    add(trials, 0.6)
    assert trials.add(fail) == BROKEN
    assert trials.best() == "network 0.6"
    assert trials.record()["trials"][1] == {"error": "the toolkit broke", "margin": BROKEN}


def test_no_network_that_paints_is_told(trials: Trials) -> None:
    add(trials, NAN, NAN)
    with pytest.raises(
        ValueError, match=r"no trial of 2 gave a network that paints \(the network gave NaN.*other options"
    ):
        trials.best()


def test_a_toolkit_that_stops_leaves_the_best_so_far(trials: Trials) -> None:
    with pytest.raises(RuntimeError), trials.going_on():
        fail()
    add(trials, 0.6)
    with trials.going_on():
        fail()
    assert trials.best() == "network 0.6"
    assert trials.record()["trials"][-1]["error"] == "the toolkit broke"


def test_the_record_says_whether_the_pairs_are_enough_for_fid(trials: Trials, pairs: list[Pair]) -> None:
    """Four pairs, 64 features: what they vary by has a rank of 3."""
    add(trials, 0.6)
    few = trials.record()["judged_by"]
    assert (few["pairs"], few["fid_dimension"], few["fid_rank_deficient"]) == (4, 64, True)
    enough = Judge(pairs * 17)
    enough.look(Painter(0.5))
    many = enough.describe()
    assert (many["pairs"], many["fid_dimension"], many["fid_rank_deficient"]) == (68, 64, False)
