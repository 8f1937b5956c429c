"""Of a model that works in steps a point is its exported graphs with one layer in INT8."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.model.cat_vton.conftest import TINY_OF_8
from vtoncompress.sensitivity.quantization.check import check
from vtoncompress.sensitivity.quantization.command import analyse

LAYERS = ("unet.conv_in", "unet.time_embedding.linear_1")
OPTIONS = (
    "model=cat_vton_small", "model.size=[128,96]", "model.checkpoint=null", "model.sampling.steps=1", "data.pairs=1",
    "calibration.pairs=1", "held_out.pairs=1", "budget.ssim_garment=1", "budget.ssim=1",
    f"scope.modules=[{','.join(LAYERS)}]",
)  # fmt: skip


def test_a_point_for_each_layer_and_a_budget_met(tmp_path: Path) -> None:
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("quantization_sensitivity", [*OPTIONS, *places])
    for part, arguments in TINY_OF_8.items():
        OmegaConf.update(cfg, f"model.network.{part}", arguments, merge=False)
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    analysis = analyse(config)  # type: ignore[arg-type]
    assert {point.name for point in analysis.points} == {*LAYERS}
    assert all(point.values["picture_difference"] > 0 for point in analysis.points)
    first = analysis.points[0]
    assert first.loss == {name: analysis.float32[name] - first.values[name] for name in ("ssim_garment", "ssim")}
    assert analysis.override == "quantization.float_layers=[]"
    assert config["quantization"]["rest"] == "float32"  # type: ignore[call-overload,index]
    assert "quantization=hybrid" in (tmp_path / "results" / "quantization_sensitivity" / "table.md").read_text()


@pytest.mark.parametrize("mode", ["none", "ort_static"])
def test_a_mode_that_changes_nothing_here_is_refused(mode: str) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("quantization_sensitivity", [*OPTIONS, f"quantization={mode}"])
    with pytest.raises(ValueError, match=f"quantization={mode} changes nothing in a network that paints in steps"):
        check(OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))  # type: ignore[arg-type]
