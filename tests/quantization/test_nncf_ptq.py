from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.quantization.conftest import EXPORTERS, configured
from tests.reopen import Reopener
from vtoncompress.export import onnx as onnx_export
from vtoncompress.export import openvino as openvino_export
from vtoncompress.export.base import Tensors
from vtoncompress.export.parity import check_parity
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.pf_afn import LEVELS
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.nncf_ptq import NNCFPostTraining

Exported = Callable[[str], Path]


def convert(folder: Path, runtime: str, model: PFAFN, calibration: list[Tensors], *overrides: str) -> Path:
    configured("nncf_ptq", *overrides).convert(folder, runtime, model, Material(calibration=calibration))
    return folder


@pytest.fixture(scope="module")
def calibration(material: Material) -> list[Tensors]:
    return list(material.calibration)


@pytest.fixture(scope="module")
def quantized(model: PFAFN, calibration: list[Tensors], exported: Exported) -> dict[str, Path]:
    return {runtime: convert(exported(runtime), runtime, model, calibration) for runtime in EXPORTERS}


def digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_paints_nearly_the_same(
    runtime: str, model: PFAFN, quantized: dict[str, Path], calibration: list[Tensors]
) -> None:
    found = check_parity(
        model, EXPORTERS[runtime]().open(quantized[runtime]), calibration, configured("nncf_ptq").tolerance
    )
    assert found["parity_mean"] > 0.01, "nothing was quantized"


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_reopens_to_the_same_outputs(
    runtime: str, quantized: dict[str, Path], calibration: list[Tensors], reopened: Reopener
) -> None:
    expected = EXPORTERS[runtime]().open(quantized[runtime])(calibration[0])
    for name, values in reopened(quantized[runtime], calibration[0], runtime).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-5)


def test_what_stays_the_same_may_be_computed_once_in_int8(
    quantized: dict[str, Path], calibration: list[Tensors]
) -> None:
    runtime = openvino_export.open_runtime(quantized["openvino"])
    garment = {name: calibration[0][name] for name in ("garment", "garment_mask")}
    call = runtime.reuse(garment)
    for tensors in calibration[:2]:
        expected, found = runtime(tensors | garment)["image"], call({"person": tensors["person"]})["image"]
        assert np.abs(found - expected).mean() * 127.5 < 0.5


def test_weights_are_small_and_no_other_file_appears(exported: Exported, quantized: dict[str, Path]) -> None:
    for runtime, largest in {"openvino": 0.35, "onnxruntime": 0.6}.items():  # at this size graphs outweigh weights
        before, after = (
            {file.name: file.stat().st_size for file in folder.iterdir()}
            for folder in (exported(runtime), quantized[runtime])
        )
        assert before.keys() == after.keys()
        weights = "model.bin" if runtime == "openvino" else "model.onnx"
        assert after[weights] < largest * before[weights]


def test_openvino_runs_convolutions_in_int8_and_the_rest_in_float32(model: PFAFN, quantized: dict[str, Path]) -> None:
    described = openvino_export.open_runtime(quantized["openvino"]).describe()
    assert described["execution_precision"] == "f32"
    assert set(described["executed_layers"]) == {"f32", "u8", "i8"}
    assert "f16" not in described["stored_bytes"]
    assert described["stored_bytes"]["i8"] > described["stored_bytes"]["f32"] * 2


def _is_rounded(node: Any) -> bool:
    """Whether what a node gives was rounded, maybe before it was put together or enlarged."""
    if node.get_type_name() in ("Concat", "Interpolate"):
        return _is_rounded(node.input_value(0).get_node())
    return bool(node.get_type_name() == "FakeQuantize")


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_the_note_of_the_operations_forms_stays(runtime: str, model: PFAFN, quantized: dict[str, Path]) -> None:
    told = EXPORTERS[runtime]().open(quantized[runtime]).describe()["forms"]
    assert told == model.forms(graph=True) == {"correlation": "banded", "sampling": "gathered"}


def test_what_makes_coordinates_stays_float(model: PFAFN, quantized: dict[str, Path]) -> None:
    graph = openvino_export.read_ir(quantized["openvino"])
    rounded, kept = set(), set()
    for node in graph.get_ops():
        sources = [node.input_value(index).get_node() for index in range(node.get_input_size())]
        if node.get_type_name() == "Convolution":
            name = node.get_friendly_name().removeprefix("__module.").split("/")[0]
            (rounded if _is_rounded(sources[0]) else kept).add(name)
        elif node.get_type_name() not in ("Concat", "Interpolate") and any(map(_is_rounded, sources)):
            reader = node.get_friendly_name().removeprefix("__module.").split("/")[0]
            assert reader in model.feature_readers(), f"{node.get_friendly_name()} is no convolution"
            shapes = [source.get_output_partial_shape(0) for source in sources if _is_rounded(source)]
            assert all(shape[1].get_length() > 2 for shape in shapes), "coordinates are rounded"
    assert kept == set(model.float_layers())
    assert rounded


def test_features_are_compared_as_integers_unless_told_otherwise(
    model: PFAFN, exported: Exported, quantized: dict[str, Path], calibration: list[Tensors]
) -> None:
    plain = convert(exported("openvino"), "openvino", model, calibration, "quantization.round_features=false")
    images = []
    for folder, products in ((plain, 0), (quantized["openvino"], LEVELS)):
        runtime = openvino_export.open_runtime(folder)
        assert runtime.describe()["executed_layers"].get("i8", 0) == products
        images.append(runtime(calibration[0])["image"])
    assert 0 < np.abs(images[0] - images[1]).mean() * 127.5 < 0.5


def test_a_scope_or_a_layer_kept_in_float_keeps_its_features(
    model: PFAFN, exported: Exported, calibration: list[Tensors]
) -> None:
    for option in ("quantization.scope=generator", "quantization.float_layers=[warp.aflow_net]"):
        folder = convert(exported("openvino"), "openvino", model, calibration[:1], option)
        names = {node.get_friendly_name() for node in openvino_export.read_ir(folder).get_ops()}
        assert not [name for name in names if "/rounded_" in name]


def test_onnx_keeps_coordinates_float(model: PFAFN, quantized: dict[str, Path]) -> None:
    graph = onnx_export.read_onnx(quantized["onnxruntime"]).graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    rounded = [node for node in graph.node if made_by.get(node.input[0]) == "DequantizeLinear"]
    assert {node.op_type for node in rounded} == {"Conv"}
    assert not {node.name.split("/")[0] for node in rounded} & set(model.float_layers())


@pytest.mark.parametrize("scope, other", [("warp", "generator"), ("generator", "warp")])
def test_scope(scope: str, other: str, model: PFAFN, exported: Exported, calibration: list[Tensors]) -> None:
    folder = convert(exported("openvino"), "openvino", model, calibration[:1], f"quantization.scope={scope}")
    owners = {
        target.get_node().get_friendly_name().removeprefix("__module.").split(".")[0]
        for node in openvino_export.read_ir(folder).get_ops()
        if node.get_type_name() == "FakeQuantize"
        for target in node.output(0).get_target_inputs()
    }
    assert scope in owners
    assert other not in owners


def test_the_same_pairs_give_the_same_bytes(
    model: PFAFN, exported: Exported, quantized: dict[str, Path], calibration: list[Tensors]
) -> None:
    again = convert(exported("openvino"), "openvino", model, calibration)
    outputs = [openvino_export.open_runtime(folder)(calibration[0]) for folder in (again, quantized["openvino"])]
    for key in outputs[0]:
        np.testing.assert_array_equal(outputs[0][key], outputs[1][key])
    assert digest(again)["model.bin"] == digest(quantized["openvino"])["model.bin"]


def test_says_nothing(
    model: PFAFN, exported: Exported, calibration: list[Tensors], capfd: pytest.CaptureFixture
) -> None:
    folder = exported("onnxruntime")
    capfd.readouterr()
    convert(folder, "onnxruntime", model, calibration[:1])
    assert capfd.readouterr() == ("", "")


def test_runs_where_it_says() -> None:
    assert NNCFPostTraining.runtimes == {"openvino", "onnxruntime"}


def test_no_calibration_pairs(model: PFAFN, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        convert(tmp_path, "openvino", model, [])


@pytest.mark.parametrize(
    "option, remedy",
    [
        ("preset=best", "mixed, performance"),
        ("range_estimator=widest", "minmax, mean_minmax"),
        ("granularity=per_group", "per_channel, per_tensor"),
        ("scope=everything", "image_encoder"),
    ],
)
def test_wrong_options_name_the_right_ones(option: str, remedy: str) -> None:
    with pytest.raises(Exception, match=remedy):
        configured("nncf_ptq", f"quantization.{option}")


@pytest.mark.parametrize("option", ["range_estimator=histogram", "granularity=per_tensor", "preset=performance"])
def test_an_option_changes_what_is_written(
    option: str, model: PFAFN, exported: Exported, quantized: dict[str, Path], calibration: list[Tensors]
) -> None:
    other = convert(exported("openvino"), "openvino", model, calibration, f"quantization.{option}")
    before, after = (openvino_export.open_runtime(folder)(calibration[0]) for folder in (quantized["openvino"], other))
    assert np.abs(before["image"] - after["image"]).max() > 0
    assert check_parity(model, openvino_export.open_runtime(other), calibration, 8)


def test_named_layers_stay_float(model: PFAFN, exported: Exported, calibration: list[Tensors]) -> None:
    option = "quantization.float_layers=[generator.model.model.0,warp.cond_FPN]"
    folder = convert(exported("openvino"), "openvino", model, calibration[:1], option)
    rounded = {
        target.get_node().get_friendly_name().removeprefix("__module.").split("/")[0]
        for node in openvino_export.read_ir(folder).get_ops()
        if node.get_type_name() == "FakeQuantize"
        for target in node.output(0).get_target_inputs()
    }
    assert rounded
    assert not [name for name in rounded if name == "generator.model.model.0" or name.startswith("warp.cond_FPN.")]


@pytest.mark.parametrize(
    "option, told",
    [
        ("float_layers=[warp.nothing]", "the network has no warp.nothing"),
        ("float_layers=[warp,generator]", "no layer left to quantize"),
    ],
)
def test_layers_that_do_not_fit_are_told_before_any_work(option: str, told: str, model: PFAFN) -> None:
    with pytest.raises(ValueError, match=told):
        configured("nncf_ptq", f"quantization.{option}").check(model)
