"""Within the budget as nncf_ptq; beyond it layers go back to float32, and the best network is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.quantization.conftest import EXPORTERS, configured
from tests.reopen import Reopener
from vtoncompress.data.base import Pair
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization import nncf_accuracy
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.judge import Judge, Quality
from vtoncompress.quantization.layers import quantized_layers

Exported = Callable[[str], Path]
SCOPE = ("generator.model.model.0", "generator.model.model.2", "warp.image_FPN.smooth.0")


def mode(*overrides: str) -> Any:
    return configured(
        "nncf_accuracy", f"quantization.modules=[{','.join(SCOPE)}]", "quantization.ranking_pairs=2", *overrides
    )


@pytest.fixture(scope="module")
def validation(pairs: list[Pair]) -> list[Pair]:
    """The middles of three pairs."""
    names = ("person", "garment", "garment_mask", "truth", "region", "flow")
    return [replace(pair, **{name: getattr(pair, name)[16:112, 16:80].copy() for name in names}) for pair in pairs[:3]]


@pytest.fixture
def looked_at(material: Material, validation: list[Pair]) -> Material:
    return Material(calibration=material.calibration, validation=validation)


def judging(monkeypatch: pytest.MonkeyPatch, ssims: list[float]) -> None:
    """Judge networks in turn by the garment SSIMs given, the last one again and again, whatever they paint."""
    look, left = Judge.look, list(ssims)

    def told(judge: Judge, runtime: Any) -> Quality:
        look(judge, runtime)
        return Quality(left.pop(0) if len(left) > 1 else left[0], 10.0)

    monkeypatch.setattr(Judge, "look", told)


def test_a_wide_budget_gives_what_nncf_ptq_gives(
    model: PFAFN, exported: Exported, looked_at: Material, reopened: Reopener
) -> None:
    folder, other = exported("openvino"), exported("openvino")
    before = OpenVINOExporter().open(other)
    wide = mode("quantization.budget={garment_ssim: 1, fid_percent: 1000000}")
    told = wide.convert(folder, "openvino", model, looked_at)
    assert told["budget_met"]
    assert told["float_again"] == []
    assert told["quantized_layers"] == len(quantized_layers(model, SCOPE))
    [trial] = told["trials"]
    assert 0 <= trial["margin"] <= 1
    opened, judge = OpenVINOExporter().open(folder), Judge(looked_at.validation)
    assert told["before"] == pytest.approx(vars(judge.look(before)), rel=1e-6)
    assert {name: trial[name] for name in ("garment_ssim", "fid")} == pytest.approx(vars(judge.look(opened)), rel=1e-6)
    configured("nncf_ptq", f"quantization.modules=[{','.join(SCOPE)}]").convert(other, "openvino", model, looked_at)
    expected = OpenVINOExporter().open(other)
    for tensors in looked_at.calibration[:2]:
        np.testing.assert_array_equal(opened(tensors)["image"], expected(tensors)["image"])
    elsewhere = reopened(folder, tensors, "openvino")
    np.testing.assert_allclose(elsewhere["image"], expected(tensors)["image"], atol=1e-5)


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_layers_go_back_until_the_budget_is_met(
    runtime: str, model: PFAFN, exported: Exported, looked_at: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging(monkeypatch, [0.7, 0.5, 0.6, 0.695])
    folder = exported(runtime)
    told = mode().convert(folder, runtime, model, looked_at)
    assert told["budget_met"]
    assert [one["margin"] for one in told["trials"]] == pytest.approx([-19, -9, 0.5])
    assert told["chosen"] == 2
    assert len(told["float_again"]) == 2
    assert {*told["float_again"]} < {*quantized_layers(model, SCOPE)}
    assert told["quantized_layers"] == len(quantized_layers(model, SCOPE)) - 2
    if runtime == "openvino":
        described = EXPORTERS[runtime]().open(folder).describe()
        assert described["executed_layers"]["u8"] == told["quantized_layers"]
        assert described["stored_bytes"]["i8"] > 0


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_a_budget_that_can_not_be_met_keeps_the_best(
    runtime: str, model: PFAFN, exported: Exported, looked_at: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second trial is the best, the last one is what NNCF itself would return."""
    judging(monkeypatch, [0.7, 0.5, 0.6, 0.55])
    folder = exported(runtime)
    size = sum(file.stat().st_size for file in folder.iterdir())
    told = mode("quantization.trials=2").convert(folder, runtime, model, looked_at)
    assert not told["budget_met"]
    assert told["chosen"] == 1
    assert told["trials"][1]["margin"] == pytest.approx(-9)
    assert len(told["float_again"]) == 1
    assert told["quantized_layers"] == len(quantized_layers(model, SCOPE)) - 1
    assert sum(file.stat().st_size for file in folder.iterdir()) != size
    opened = EXPORTERS[runtime]().open(folder)
    assert opened.describe()["stored_bytes"]["i8"] > 0
    assert np.isfinite(opened(looked_at.calibration[0])["image"]).all()


def test_a_broken_trial_keeps_the_one_before(
    model: PFAFN, exported: Exported, looked_at: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second trial, which takes a layer back, paints NaN."""
    judging(monkeypatch, [0.7, 0.6])
    look, looks = Judge.look, [0]

    def breaking(judge: Judge, runtime: Any) -> Quality:
        looks[0] += 1
        if looks[0] == 3:
            raise ValueError("the network gave NaN: it is broken")
        return look(judge, runtime)

    monkeypatch.setattr(Judge, "look", breaking)
    folder = exported("openvino")
    told = mode("quantization.trials=1", f"quantization.modules=[{SCOPE[0]}]").convert(
        folder, "openvino", model, looked_at
    )
    assert [one.get("error") for one in told["trials"]] == [None, "the network gave NaN: it is broken"]
    assert (told["chosen"], told["float_again"], told["quantized_layers"]) == (0, [], 1)
    assert np.isfinite(OpenVINOExporter().open(folder)(looked_at.calibration[0])["image"]).all()


def test_both_measures_count(
    model: PFAFN, exported: Exported, looked_at: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A garment SSIM that rises pays for no FID."""
    qualities = iter([Quality(0.7, 10.0), Quality(0.9, 12.0), Quality(0.9, 12.5)])
    monkeypatch.setattr(Judge, "look", lambda judge, runtime: _painted(judge, runtime, looked_at, next(qualities)))
    told = mode("quantization.trials=1", f"quantization.modules=[{SCOPE[0]}]").convert(
        exported("openvino"), "openvino", model, looked_at
    )
    assert not told["budget_met"]
    assert told["trials"][0]["margin"] == pytest.approx(-3)


def _painted(judge: Judge, runtime: Any, looked_at: Material, quality: Quality) -> Quality:
    for pair in looked_at.validation:
        runtime(nncf_accuracy._inputs(pair))
    return quality


@pytest.mark.parametrize(
    "option, told",
    [
        ("trials=0", "quantization.trials=0: use 1 or more"),
        ("ranking_pairs=0", "quantization.ranking_pairs=0: use 1 or more"),
        ("budget.garment_ssim=-1", "quantization.budget.garment_ssim=-1"),
        ("preset=best", "mixed, performance"),
    ],
)
def test_wrong_options_name_the_right_ones(option: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        mode(f"quantization.{option}")


def test_nothing_to_calibrate_or_to_judge_by(model: PFAFN, looked_at: Material, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        mode().convert(tmp_path, "openvino", model, Material(validation=looked_at.validation))
    with pytest.raises(ValueError, match="validation_pairs to 2 or more"):
        mode().convert(tmp_path, "openvino", model, Material(calibration=looked_at.calibration))
