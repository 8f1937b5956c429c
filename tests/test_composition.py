"""An experiment's rows as they compose now."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from vtoncompress.composition import compose_variants

CONF = Path(__file__).parents[1] / "conf"
GRID = "# @package _global_\nname: grid\nhydra:\n  mode: MULTIRUN\n  sweeper: {params: {seed: '0,1'}}\n"


def test_the_rows_of_an_experiment() -> None:
    names = {"dense_openvino", "pruned20_int8_openvino", "no_such_row"}
    composed = compose_variants(CONF, "quickstart", names)
    assert composed.keys() == names - {"no_such_row"}
    pruned = composed["pruned20_int8_openvino"]
    assert pruned["pruning"]["ratio"] == 0.2
    assert pruned["quantization"]["_target_"].startswith("vtoncompress.quantization.nncf_ptq")
    assert pruned["training_data"]["height"] == pruned["model"]["size"][0]  # resolved
    assert "hydra" not in pruned
    assert not GlobalHydra.instance().is_initialized()


def test_the_rows_of_a_list_times_a_grid() -> None:
    names = {"dense", "dense_tuned-training_data.seed_3", "pruned40_tuned-training_data.seed_4"}
    composed = compose_variants(CONF, "distillation", names)
    assert composed.keys() == names
    assert composed["dense_tuned-training_data.seed_3"]["training_data"]["seed"] == 3


def test_what_has_no_list_of_rows(tmp_path: Path) -> None:
    assert compose_variants(CONF, "adhoc/something", {"a"}) == {}
    conf = tmp_path / "conf"
    (conf / "experiment").mkdir(parents=True)
    (conf / "config.yaml").write_text(
        "defaults: [_self_, {experiment: null}, {override hydra/sweeper: variants}]\nseed: 0\nvariant: null\n"
    )
    (conf / "experiment" / "grid.yaml").write_text(GRID)
    assert compose_variants(conf, "grid", {"a"}) == {}


@pytest.mark.parametrize(
    "row, seed, message",
    [("[no_such_option=1]", "0", "unknown option no_such_option"), ("[]", "???", "seed is missing")],
)
def test_an_experiment_that_does_not_compose(tmp_path: Path, row: str, seed: str, message: str) -> None:
    conf = tmp_path / "conf"
    (conf / "experiment").mkdir(parents=True)
    (conf / "config.yaml").write_text(
        f"defaults: [_self_, {{experiment: null}}, {{override hydra/sweeper: variants}}]\nseed: {seed}\nvariant: null\n"
    )
    text = f"# @package _global_\nhydra: {{sweeper: {{variants: {{a: {row}}}}}}}\n"
    (conf / "experiment" / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"experiment=mine does not compose .*{message}"):
        compose_variants(conf, "mine", {"a"})
    assert not GlobalHydra.instance().is_initialized()
