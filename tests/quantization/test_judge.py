from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vtoncompress.data.base import Pair
from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.quantization.judge import Budget, Judge, Quality
from vtoncompress.try_on import to_image, to_tensors

BEFORE = Quality(garment_ssim=0.7, fid=20)
BUDGET = Budget(garment_ssim=0.01, fid_percent=5)


class Painter(Runtime):
    """Mixes person and garment: ``share`` of the garment in the picture, plus a constant ``shift``."""

    def __init__(self, share: float, shift: float = 0) -> None:
        self.share, self.shift = share, shift

    def __call__(self, inputs: Tensors) -> Tensors:
        mixed = (1 - self.share) * inputs["person"] + self.share * inputs["garment"]
        return {"image": np.clip(mixed + np.float32(self.shift), -1, 1)}

    def describe(self) -> dict[str, Any]:
        return {}


class Oracle(Runtime):
    """Knows the truth."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.truths = {_key(to_tensors(pair.person, pair.garment, pair.garment_mask)): pair.truth for pair in pairs}

    def __call__(self, inputs: Tensors) -> Tensors:
        truth = self.truths[_key(inputs)]
        assert truth is not None
        return {"image": to_tensors(truth, truth, truth[..., 0])["person"]}

    def describe(self) -> dict[str, Any]:
        return {}


def _key(inputs: Tensors) -> bytes:
    return inputs["person"].tobytes() + inputs["garment"].tobytes()


@pytest.mark.parametrize(
    "ssim, fid, margin",
    [
        (0.7, 20, 1),  # nothing lost
        (0.69, 20, 0),  # one budget used up, exactly
        (0.7, 21, 0),
        (0.69, 21, 0),
        (0.695, 20.25, 0.5),  # the one of which less is left counts
        (0.699, 20.9, 0.1),
        (0.68, 20, -1),
        (0.7, 22, -1),
        (0.68, 23, -2),
        (0.9, 1, 1),  # a gain counts for nothing
        (0.9, 22, -1),  # and pays for nothing
        (0.68, 1, -1),
    ],
)
def test_margin(ssim: float, fid: float, margin: float) -> None:
    assert BUDGET.margin(BEFORE, Quality(ssim, fid)) == pytest.approx(margin, abs=1e-9)


def test_an_infinite_budget_is_never_broken() -> None:
    budget = Budget(garment_ssim=float("inf"), fid_percent=5)
    assert budget.margin(BEFORE, Quality(-1, 20.5)) == pytest.approx(0.5)


def test_margin_beside_a_distance_of_nothing() -> None:
    assert BUDGET.margin(Quality(0.7, 0), Quality(0.7, 0)) == 1
    assert BUDGET.margin(Quality(0.7, 0), Quality(0.7, 1)) < -1000


def test_budget_from_a_config() -> None:
    assert Budget.of({"garment_ssim": 0.01, "fid_percent": 5}) == BUDGET


@pytest.mark.parametrize("value", [-0.01, 0, float("nan"), "much", None, True])
@pytest.mark.parametrize("name", ["garment_ssim", "fid_percent"])
def test_a_budget_that_is_no_number_above_0(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"quantization.budget.{name}=.* above 0"):
        Budget.of({"garment_ssim": 0.01, "fid_percent": 5, name: value})


@pytest.mark.parametrize(
    "options", [{"garment_ssim": 0.01, "fid": 5}, {"garment_ssim": 0.01}, {"a": 1, "garment_ssim": 1, "fid_percent": 2}]
)
def test_unknown_and_missing_budgets_name_the_right_ones(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give garment_ssim and fid_percent"):
        Budget.of(options)


def test_sees_what_the_metrics_see(pairs: list[Pair]) -> None:
    runtime = Painter(0.5)
    predictions = [
        Prediction(to_image(runtime(to_tensors(pair.person, pair.garment, pair.garment_mask))["image"]))
        for pair in pairs
    ]
    garment, fid = GarmentLikeness(), Fid("shipped")
    for metric in (garment, fid):
        metric.update(Batch(pairs, predictions))
    expected = Quality(garment.compute().values["ssim_garment"], fid.compute().values["fid_shipped"])
    judge = Judge(pairs)
    for _ in range(2):  # what it remembers of the people changes nothing
        assert judge.look(runtime) == expected
    assert judge.look(Painter(0.4)) != expected


def test_ranks_by_each_measure(pairs: list[Pair]) -> None:
    judge = Judge(pairs)
    right, same, blurred = judge.look(Oracle(pairs)), judge.look(Painter(0)), judge.look(Painter(0.5))
    assert right.garment_ssim == pytest.approx(1)
    assert same.garment_ssim < 0.9
    assert same.fid == pytest.approx(0, abs=1e-3)  # the person unchanged wins it
    assert blurred.fid > right.fid


def test_constant_pictures_are_judged(pairs: list[Pair]) -> None:
    grey = Judge(pairs).look(Painter(0, shift=-3))
    assert grey.garment_ssim < 0.5
    assert np.isfinite(grey.fid)


@pytest.mark.parametrize("missing", ["truth", "region"])
def test_a_pair_without_a_truth(missing: str, pairs: list[Pair]) -> None:
    with pytest.raises(ValueError, match=f"{pairs[1].name} has no picture .* leave training_data out"):
        Judge([pairs[0], replace(pairs[1], **{missing: None})])


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pairs(count: int, pairs: list[Pair]) -> None:
    with pytest.raises(ValueError, match="set validation_pairs to 2 or more"):
        Judge(pairs[:count])


def test_hidden_garments_give_no_quality(pairs: list[Pair]) -> None:
    hidden = [replace(pair, region=np.zeros_like(pair.region)) for pair in pairs]
    with pytest.raises(ValueError, match="no ssim_garment"):
        Judge(hidden).look(Painter(0))


def test_an_unknown_extractor_is_told_before_any_work(pairs: list[Pair]) -> None:
    with pytest.raises(ValueError, match="auto, inception, shipped"):
        Judge(pairs, features="best")


def test_nan_is_told(pairs: list[Pair]) -> None:
    with pytest.raises(ValueError, match="NaN"):
        Judge(pairs).look(Painter(float("nan")))
