"""ONNX Runtime's own modes: ort_static and ort_dynamic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.quantization.conftest import configured
from tests.reopen import Reopener
from vtoncompress.export.base import Tensors
from vtoncompress.export.onnx import open_runtime, read_onnx
from vtoncompress.export.parity import check_parity
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.layers import quantized_layers

Exported = Callable[[str], Path]


def executed(folder: Path, work: Path) -> Counter[str]:
    """Operators that a session really runs, after the runtime's own fusing."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(work / "model.onnx")
    onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in read_onnx(work).graph.node)


def test_static_counts_in_integers(
    model: PFAFN, material: Material, exported: Exported, tmp_path: Path, reopened: Reopener
) -> None:
    folder = exported("onnxruntime")
    mode = configured("ort_static")
    told = mode.convert(folder, "onnxruntime", model, material)
    layers = quantized_layers(model, ["warp", "generator"])
    assert told["quantized_layers"] == len(layers)
    ran = executed(folder, tmp_path)
    assert ran["QLinearConv"] == len(layers), "every pair around a convolution is fused"
    assert ran["Conv"] + ran["FusedConv"] == len(model.float_layers())
    assert check_parity(model, open_runtime(folder), material.calibration, mode.tolerance)["parity_mean"] > 0.01
    assert open_runtime(folder).describe()["forms"] == model.forms(graph=True)
    paints_the_same_elsewhere(folder, material.calibration[0], reopened)


def test_dynamic_counts_in_integers(
    model: PFAFN, material: Material, exported: Exported, tmp_path: Path, reopened: Reopener
) -> None:
    folder = exported("onnxruntime")
    mode = configured("ort_dynamic")
    mode.convert(folder, "onnxruntime", model, Material())
    ran = executed(folder, tmp_path)
    assert ran["ConvInteger"] == len(quantized_layers(model, ["warp", "generator"]))
    assert check_parity(model, open_runtime(folder), material.calibration, mode.tolerance)["parity_mean"] > 0.01
    paints_the_same_elsewhere(folder, material.calibration[0], reopened)


def paints_the_same_elsewhere(folder: Path, inputs: Tensors, reopened: Reopener) -> None:
    expected = open_runtime(folder)(inputs)
    for name, values in reopened(folder, inputs, "onnxruntime").items():
        np.testing.assert_allclose(values, expected[name], atol=1e-5)


@pytest.mark.parametrize("estimator", ["mean_minmax", "percentile"])
def test_an_estimator_changes_ranges(
    estimator: str, model: PFAFN, material: Material, exported: Exported, capfd: pytest.CaptureFixture
) -> None:
    before, after = exported("onnxruntime"), exported("onnxruntime")
    capfd.readouterr()
    for folder, name in ((before, "minmax"), (after, estimator)):
        mode = configured("ort_static", f"quantization.range_estimator={name}", "quantization.scope=generator")
        mode.convert(folder, "onnxruntime", model, Material(calibration=material.calibration[:2]))
    assert capfd.readouterr() == ("", "")
    assert (before / "model.onnx").read_bytes() != (after / "model.onnx").read_bytes()


@pytest.mark.parametrize(
    "option, remedy",
    [("range_estimator=entropy", "ort_static has minmax, mean_minmax"), ("granularity=per_group", "per_channel")],
)
def test_wrong_options_name_the_right_ones(option: str, remedy: str) -> None:
    with pytest.raises(Exception, match=remedy):
        configured("ort_static", f"quantization.{option}")


def test_no_calibration_pairs(model: PFAFN, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        configured("ort_static").convert(tmp_path, "onnxruntime", model, Material())
