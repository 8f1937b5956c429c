from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.export.conftest import pictures, toy
from vtoncompress.export import onnx as onnx_export
from vtoncompress.export import openvino as openvino_export
from vtoncompress.export.base import Tensors
from vtoncompress.export.parity import check_parity
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.nncf_ptq import NNCFPostTraining

CONFIG = Path(__file__).parents[2] / "conf" / "quantization" / "nncf_ptq.yaml"
EXPORTERS = {"openvino": openvino_export.OpenVINOExporter, "onnxruntime": onnx_export.ONNXExporter}


def configured(**changes: object) -> NNCFPostTraining:
    return instantiate(OmegaConf.merge(OmegaConf.load(CONFIG), changes))


@pytest.fixture(scope="module")
def model() -> PFAFN:
    return toy("official")


@pytest.fixture(scope="module")
def calibration() -> list[Tensors]:
    return pictures(6)


@pytest.fixture(scope="module")
def float32(model: PFAFN, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {runtime: tmp_path_factory.mktemp(runtime) for runtime in EXPORTERS}
    for runtime, exporter in EXPORTERS.items():
        exporter().export(model, folders[runtime])
    return folders


@pytest.fixture(scope="module")
def quantized(
    model: PFAFN, calibration: list[Tensors], float32: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folders = {runtime: tmp_path_factory.mktemp("int8") / runtime for runtime in EXPORTERS}
    for runtime, folder in folders.items():
        shutil.copytree(float32[runtime], folder)
        configured().convert(folder, runtime, model, calibration)
    return folders


def digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_paints_nearly_the_same(
    runtime: str, model: PFAFN, quantized: dict[str, Path], calibration: list[Tensors]
) -> None:
    found = check_parity(model, EXPORTERS[runtime]().open(quantized[runtime]), calibration, configured().tolerance)
    assert found["parity_mean"] > 0.01, "nothing was quantized"


def test_weights_are_small_and_no_other_file_appears(float32: dict[str, Path], quantized: dict[str, Path]) -> None:
    for runtime, largest in {"openvino": 0.35, "onnxruntime": 0.6}.items():  # at this size graphs outweigh weights
        before, after = (
            {file.name: file.stat().st_size for file in folders[runtime].iterdir()} for folders in (float32, quantized)
        )
        assert before.keys() == after.keys()
        weights = "model.bin" if runtime == "openvino" else "model.onnx"
        assert after[weights] < largest * before[weights]


def test_openvino_runs_convolutions_in_int8_and_the_rest_in_float32(model: PFAFN, quantized: dict[str, Path]) -> None:
    described = openvino_export.open_runtime(quantized["openvino"]).describe()
    assert described["execution_precision"] == "f32"
    assert set(described["executed_layers"]) == {"f32", "u8"}
    assert "f16" not in described["stored_bytes"]
    assert described["stored_bytes"]["i8"] > described["stored_bytes"]["f32"] * 2


def test_what_makes_coordinates_stays_float(model: PFAFN, quantized: dict[str, Path]) -> None:
    graph = openvino_export.read_ir(quantized["openvino"])
    rounded, kept = set(), set()
    for node in graph.get_ops():
        sources = [node.input_value(index).get_node().get_type_name() for index in range(node.get_input_size())]
        if node.get_type_name() == "Convolution":
            name = node.get_friendly_name().removeprefix("__module.").split("/")[0]
            (rounded if "FakeQuantize" in sources else kept).add(name)
        else:
            assert "FakeQuantize" not in sources, f"{node.get_friendly_name()} is no convolution"
    assert kept == set(model.float_layers())
    assert rounded


def test_onnx_keeps_coordinates_float(model: PFAFN, quantized: dict[str, Path]) -> None:
    graph = onnx_export.read_onnx(quantized["onnxruntime"]).graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    rounded = [node for node in graph.node if made_by.get(node.input[0]) == "DequantizeLinear"]
    assert {node.op_type for node in rounded} == {"Conv"}
    assert not {node.name.split("/")[0] for node in rounded} & set(model.float_layers())


@pytest.mark.parametrize("scope, other", [("warp", "generator"), ("generator", "warp")])
def test_scope(
    scope: str, other: str, model: PFAFN, float32: dict[str, Path], calibration: list[Tensors], tmp_path: Path
) -> None:
    folder = shutil.copytree(float32["openvino"], tmp_path / "int8")
    configured(scope=scope).convert(folder, "openvino", model, calibration[:1])
    owners = {
        target.get_node().get_friendly_name().removeprefix("__module.").split(".")[0]
        for node in openvino_export.read_ir(folder).get_ops()
        if node.get_type_name() == "FakeQuantize"
        for target in node.output(0).get_target_inputs()
    }
    assert scope in owners
    assert other not in owners


def test_the_same_pairs_give_the_same_bytes(
    model: PFAFN, float32: dict[str, Path], quantized: dict[str, Path], calibration: list[Tensors], tmp_path: Path
) -> None:
    again = shutil.copytree(float32["openvino"], tmp_path / "again")
    configured().convert(again, "openvino", model, calibration)
    outputs = [openvino_export.open_runtime(folder)(calibration[0]) for folder in (again, quantized["openvino"])]
    for key in outputs[0]:
        np.testing.assert_array_equal(outputs[0][key], outputs[1][key])
    assert digest(again)["model.bin"] == digest(quantized["openvino"])["model.bin"]


def test_says_nothing(
    model: PFAFN, float32: dict[str, Path], calibration: list[Tensors], tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    folder = shutil.copytree(float32["onnxruntime"], tmp_path / "quiet")
    configured().convert(folder, "onnxruntime", model, calibration[:1])
    assert capfd.readouterr() == ("", "")


def test_refuses_runtimes_that_cannot_run_it(model: PFAFN, calibration: list[Tensors], tmp_path: Path) -> None:
    assert NNCFPostTraining.runtimes == {"openvino", "onnxruntime"}
    with pytest.raises(ValueError, match="nncf_ptq can't quantize for torch: use onnxruntime or openvino"):
        configured().convert(tmp_path, "torch", model, calibration)


def test_no_calibration_pairs(model: PFAFN, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        configured().convert(tmp_path, "openvino", model, [])


@pytest.mark.parametrize("option, value, remedy", [("preset", "best", "mixed, performance"), ("scope", "all", "warp")])
def test_wrong_options_name_the_right_ones(option: str, value: object, remedy: str) -> None:
    with pytest.raises(Exception, match=remedy) as caught:
        configured(**{option: value})
    assert isinstance(caught.value.__cause__, ValueError)
