"""Options are checked before any work, and those that nothing uses make no difference."""

from __future__ import annotations

from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT
from vtoncompress.options import check_budget, check_types, effective, used


def config(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        resolved = OmegaConf.to_container(compose("config", [*overrides]), resolve=True)
    assert isinstance(resolved, dict)
    return resolved


@pytest.mark.parametrize(
    "overrides, told",
    [
        (["data.pairs=abc"], "data.pairs=abc: a whole number"),
        (["data.pairs=2.5"], "data.pairs=2.5: a whole number"),
        (["finetuning=supervised", "finetuning.samples=abc"], "finetuning.samples=abc: a whole number"),
        (["finetuning=supervised", "finetuning.learning_rate=abc"], "finetuning.learning_rate=abc: a number"),
        (["finetuning=supervised", "finetuning.mixed_precision=16"], "finetuning.mixed_precision=16: a text"),
        (["pruning=iterative", "pruning.steps=2.5"], "pruning.steps=2.5: a whole number"),
        (["model.network.width=wide"], "model.network.width=wide: a number"),
        (["metric.speed.turn=x"], "metric.speed.turn=x: a whole number"),
        (["quantization=nncf_ptq", "quantization.bias_correction=1"], "quantization.bias_correction=1: true or false"),
        (["seed=abc"], "seed=abc: a whole number"),
        (["seed=-1"], "seed=-1: use 0 or more"),
        (["parity_pairs=0"], "parity_pairs=0: use 1 or more"),
        (["deployed_threads=0"], "deployed_threads=0: use 1 or more"),
        (["dry_run=1"], "dry_run=1: true or false"),
        (["calibration=null"], "calibration=None: a group of options, such as calibration.pairs=64, is needed"),
        (["quantization.training=null"], "quantization.training=None: a group of options"),
        (["quantization.float_layers=null"], "quantization.float_layers=None: a list, such as"),
        (["quantization=nncf_ptq", "quantization.float_layers=warp"], "quantization.float_layers=warp: a list"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(overrides: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_types(config(*overrides))


def test_whole_numbers_are_numbers_and_null_is_told_where_it_may_stand() -> None:
    check_types(config("model.network.width=1", "pruning=one_shot", "pruning.round_to=null", "deployed_threads=2"))
    with pytest.raises(ValueError, match="pruning.round_to=x: a whole number or null is needed"):
        check_types(config("pruning=one_shot", "pruning.round_to=x"))


def test_training_sees_no_more_pairs_than_there_are() -> None:
    check_budget(config("finetuning=none", "training_data.pairs=8"))
    with pytest.raises(ValueError, match="finetuning.samples=1600, but the training data has 8 pairs"):
        check_budget(config("finetuning=supervised", "training_data.pairs=8"))
    few = ("finetuning.samples=8", "finetuning.batch_size=2", "training_data.pairs=8")
    with pytest.raises(ValueError, match="finetuning.batch_norm_pairs=512, but the training data has 8 pairs"):
        check_budget(config("finetuning=supervised", *few))
    check_budget(config("finetuning=supervised", *few, "finetuning.batch_norm_pairs=8"))


def test_a_dense_variant_has_no_ratio_scope_and_criterion() -> None:
    ratios = [effective(config(f"pruning.ratio={ratio}", "scope=warp")) for ratio in (0.1, 0.3)]
    assert ratios[0] == ratios[1] == effective(config())
    assert ratios[0]["pruning"].keys() == {"_target_"}
    pruned = [effective(config("pruning=one_shot", f"pruning.ratio={ratio}")) for ratio in (0.1, 0.3)]
    assert pruned[0] != pruned[1]
    assert pruned[0]["pruning"]["ratio"] == 0.1


def test_what_a_target_without_source_of_ours_takes_is_kept() -> None:
    assert used({"_target_": "vtoncompress.pruning.none.NoPruning", "ratio": 1}).keys() == {"_target_"}
    assert used({"_target_": "vtoncompress.data.synthetic.Synthetic", "pairs": 1}).keys() == {"_target_", "pairs"}


@pytest.mark.parametrize(
    "overrides, told",
    [
        (["quantization=nncf_ptq", "calibration.pairs=9"], "calibration=9, but the training data has 8 pairs"),
        (["quantization=nncf_accuracy", "calibration.pairs=4", "validation_pairs=1"], "use 2 or more"),
        (
            ["quantization=nncf_accuracy", "calibration.pairs=7", "validation_pairs=4", "quantization.ranking_pairs=2"],
            "the last 4 of them for validation: use 4 or fewer",
        ),
        (["quantization=nncf_accuracy", "validation_pairs=4", "quantization.ranking_pairs=4"], "ranking_pairs=4"),
        (
            ["quantization=nncf_qat", "calibration.pairs=4", "quantization.training.samples=6", "quantization.skip=3"],
            "quantization.skip=9, but",
        ),
    ],
)
def test_what_quantization_looks_at_must_be_there(overrides: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_budget(config("training_data.pairs=8", *overrides))


def test_modes_that_only_store_smaller_need_no_pairs() -> None:
    check_budget(config("training_data.pairs=8", "quantization=weight_int8"))
