from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.quantization.conftest import configured
from tests.reopen import Reopener
from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.model.integer_convolution import IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.inc_autotune import INCAutotune, candidates
from vtoncompress.quantization.judge import Judge, Quality
from vtoncompress.try_on import to_tensors

pytest.importorskip("neural_compressor")
pytest.importorskip("torchao")
IMPOSSIBLE, GENEROUS = 1e-9, 1e9


@pytest.fixture(scope="module")
def small(pairs: list[Pair]) -> PFAFN:
    torch.manual_seed(0)
    return PFAFN(0.0625, pairs[0].person.shape[:2], "official").eval()


@pytest.fixture(scope="module")
def seen(pairs: list[Pair]) -> Material:
    calibration = [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in pairs[:2]]
    return Material(calibration=calibration, validation=pairs)


def tune(
    model: PFAFN, seen: Material, objective: str, garment_ssim: float, fid_percent: float, trials: int = 2
) -> tuple[PFAFN, Mapping[str, Any]]:
    mode = configured(
        "inc_autotune", f"quantization.objective={objective}", f"quantization.trials={trials}",
        f"quantization.budget={{garment_ssim: {garment_ssim}, fid_percent: {fid_percent}}}",
    )  # fmt: skip
    assert isinstance(mode, INCAutotune)
    network, record = mode.prepare(model, seen)
    assert isinstance(network, PFAFN)
    return network, json.loads(json.dumps(record, allow_nan=False))


@pytest.fixture(scope="module")
def failed(small: PFAFN, seen: Material) -> tuple[PFAFN, Mapping[str, Any]]:
    """Under a budget that nothing meets."""
    return tune(small, seen, "garment", IMPOSSIBLE, IMPOSSIBLE)


def test_a_budget_that_cannot_be_met_keeps_the_best(failed: tuple[PFAFN, Mapping[str, Any]], seen: Material) -> None:
    network, record = failed
    margins = [trial["margin"] for trial in record["trials"]]
    assert len(margins) == 2
    assert not record["budget_met"]
    assert max(margins) < 0
    assert record["chosen"] == int(np.argmax(margins))
    best = record["trials"][record["chosen"]]
    assert Judge(seen.validation).look(TorchRuntime(network)) == Quality(best["garment_ssim"], best["fid"])


def test_the_record_lists_what_was_tried(failed: tuple[PFAFN, Mapping[str, Any]], small: PFAFN, seen: Material) -> None:
    _, record = failed
    before = Judge(seen.validation).look(TorchRuntime(small))
    assert record["before"]["garment_ssim"] == pytest.approx(before.garment_ssim, abs=1e-4)
    assert record["before"]["fid"] == pytest.approx(before.fid, rel=1e-3)
    assert [set(trial) for trial in record["trials"]] == [{"config", "garment_ssim", "fid", "margin"}] * 2
    configs = [trial["config"] for trial in record["trials"]]
    assert configs[0] == {"preset": "mixed", "range_estimator": "histogram", "granularity": "per_channel", "float": []}
    assert configs[0] != configs[1]
    assert record["objective"] == "garment"


def test_the_best_reloads_to_the_bit(
    failed: tuple[PFAFN, Mapping[str, Any]], seen: Material, tmp_path: Path, reopened: Reopener
) -> None:
    network, record = failed
    assert sum(isinstance(layer, IntegerConv2d) for layer in network.modules()) == record["quantized_layers"]
    checkpoint.save(network, tmp_path)
    elsewhere = reopened(tmp_path, seen.calibration[0])
    for name, values in TorchRuntime(network)(seen.calibration[0]).items():
        np.testing.assert_array_equal(elsewhere[name], values)


def test_fid_alone_stops_at_the_first_within_its_budget(
    small: PFAFN, seen: Material, failed: tuple[PFAFN, Mapping[str, Any]]
) -> None:
    _, record = tune(small, seen, "fid", IMPOSSIBLE, GENEROUS)
    assert record["objective"] == "fid"
    assert record["budget_met"], "garment SSIM is worse, which doesn't count"
    assert record["trials"] == [{**failed[1]["trials"][0], "margin": record["trials"][0]["margin"]}]


def test_candidates_go_from_everything_to_all_but_one_network() -> None:
    found = candidates(["warp", "generator"], "per_channel")
    assert [one.kept for one in found] == [(), (), (), (), ("warp",), ("generator",)]
    described = [json.dumps(one.described()) for one in found]
    assert len(set(described)) == len(described), "the toolkit skips a config that comes again"
    assert len(candidates(["warp"], "per_channel")) == 4


def test_pairs_without_a_truth_are_told_before_any_trial(small: PFAFN, seen: Material, pairs: list[Pair]) -> None:
    blind = [Pair(pair.name, pair.person, pair.garment, pair.garment_mask) for pair in pairs]
    with pytest.raises(ValueError, match="leave training_data out"):
        configured("inc_autotune").prepare(small, Material(calibration=seen.calibration, validation=blind))
    with pytest.raises(ValueError, match="needs calibration pairs"):
        configured("inc_autotune").prepare(small, Material(validation=pairs))


@pytest.mark.parametrize(
    "option, remedy",
    [
        ("objective=speed", "garment, fid"),
        ("trials=0", "use 1 or more"),
        ("granularity=per_group", "per_channel, per_tensor"),
        ("budget.garment_ssim=-1", "above 0"),
    ],
)
def test_wrong_options_are_told(option: str, remedy: str) -> None:
    with pytest.raises(Exception, match=remedy):
        configured("inc_autotune", f"quantization.{option}")


def test_a_scope_that_leaves_nothing_is_told_before_any_work(small: PFAFN) -> None:
    with pytest.raises(ValueError, match="no layer left to quantize"):
        configured("inc_autotune", "quantization.float_layers=[warp,generator]").check(small)
