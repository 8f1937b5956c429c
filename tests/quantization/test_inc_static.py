from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.export.conftest import EXPORTERS
from tests.quantization.conftest import configured
from tests.reopen import Reopener
from vtoncompress import checkpoint
from vtoncompress.export.openvino import open_runtime
from vtoncompress.export.parity import check_parity
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.integer_convolution import IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.inc_options import INCOptions, loaded, trace
from vtoncompress.quantization.layers import quantized_layers

installed = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("neural_compressor", "torchao")),
    reason="neural-compressor is not installed",
)


def prepare(model: PFAFN, material: Material, *overrides: str) -> PFAFN:
    module, _ = configured("inc_static", *overrides).prepare(model, material)
    assert isinstance(module, PFAFN)
    return module


def integers(model: nn.Module) -> dict[str, IntegerConv2d]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, IntegerConv2d)}


@pytest.fixture(scope="module")
def quantized(model: PFAFN, material: Material) -> PFAFN:
    return prepare(model, material)


@installed
def test_numbers_are_the_toolkits_own(model: PFAFN, quantized: PFAFN, material: Material) -> None:
    folded = fold_batch_norms(model)
    layers = quantized_layers(folded, ["warp", "generator"])
    with loaded("inc_static"):
        from neural_compressor.torch.quantization import convert
        from neural_compressor.torch.quantization import prepare as prepare_graph

        graph = prepare_graph(
            trace(folded), INCOptions("mixed", "histogram", "per_channel").static_config(folded, layers)
        )
        pt2e.calibrate(graph, material.calibration)
        converted = convert(graph)
    assert list(integers(quantized)) == layers
    rounded = [node for node in converted.graph.nodes if ".quantize_per_tensor" in str(node.target)]
    assert len(rounded) == len(layers), "only the inputs of the convolutions are rounded"
    with torch.no_grad():
        for tensors in material.calibration[:2]:
            inputs = {name: torch.from_numpy(values) for name, values in tensors.items()}
            ours, theirs = quantized(**inputs)["image"], converted(**inputs)["image"]
            # What falls on half a level may round the other way, by the last bit of a division, and moves what follows.
            assert (ours - theirs).abs().mean() * 127.5 < 0.05


@installed
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_every_runtime_paints_what_torch_does(
    exporter: str, quantized: PFAFN, material: Material, tmp_path: Path
) -> None:
    EXPORTERS[exporter]().export(quantized, tmp_path)
    runtime = EXPORTERS[exporter]().open(tmp_path)
    assert check_parity(quantized, runtime, material.calibration, tolerance=0.1)
    if exporter == "openvino":
        described = open_runtime(tmp_path).describe()
        assert set(described["executed_layers"]) == {"f32", "u8"}
        assert described["stored_bytes"]["i8"] > 2 * described["stored_bytes"]["f32"]


@installed
def test_paints_nearly_the_same_as_float32(model: PFAFN, quantized: PFAFN, material: Material) -> None:
    found = check_parity(model, TorchRuntime(quantized), material.calibration, configured("inc_static").tolerance)
    assert found["parity_mean"] > 0.01, "nothing was quantized"


@installed
def test_the_network_itself_is_unchanged(model: PFAFN, quantized: PFAFN) -> None:
    assert not integers(model)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())
    assert not set(integers(quantized)) & set(model.float_layers())


@installed
def test_reloads_to_the_bit_without_the_toolkit(
    quantized: PFAFN, material: Material, tmp_path: Path, reopened: Reopener
) -> None:
    checkpoint.save(quantized, tmp_path)
    elsewhere = reopened(tmp_path, material.calibration[0])
    for name, values in TorchRuntime(quantized)(material.calibration[0]).items():
        np.testing.assert_array_equal(elsewhere[name], values)


@installed
def test_scope_and_named_layers(model: PFAFN, material: Material) -> None:
    one = Material(calibration=material.calibration[:1])  # one pair is enough to have a range
    found = integers(
        prepare(
            model, one, "quantization.scope=warp", "quantization.float_layers=[warp.cond_FPN]",
            "quantization.range_estimator=moving_average",
        )
    )  # fmt: skip
    assert list(found) == quantized_layers(model, ["warp"], ["warp.cond_FPN"])
    assert not [name for name in found if name.startswith(("generator", "warp.cond_FPN", *model.float_layers()))]


@installed
def test_an_option_changes_what_it_should(model: PFAFN, quantized: PFAFN, material: Material) -> None:
    options = ("granularity=per_tensor", "preset=performance", "range_estimator=moving_average")
    other = integers(prepare(model, material, *(f"quantization.{option}" for option in options)))
    for layer in integers(quantized).values():
        assert layer.scale.unique().numel() == len(layer.scale)
    for layer in other.values():
        assert layer.scale.unique().numel() == 1
        assert layer.grid.zero_point == 127
    assert len({layer.grid.zero_point for layer in integers(quantized).values()}) > 10


@installed
def test_constant_pictures_say_nothing_and_leave_nothing_behind(
    model: PFAFN, material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    grey = [{name: np.zeros_like(values) for name, values in material.calibration[0].items()}] * 2
    drawn = torch.random.get_rng_state()
    module = prepare(model, Material(calibration=grey))
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())
    assert torch.equal(drawn, torch.random.get_rng_state())
    assert logging.root.manager.disable == 0
    assert np.isfinite(TorchRuntime(module)(material.calibration[0])["image"]).all()


@installed
def test_no_calibration_pairs(model: PFAFN) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        prepare(model, Material())


@installed
@pytest.mark.parametrize(
    "option, remedy",
    [
        ("preset=best", "mixed, performance"),
        ("range_estimator=minmax", "moving_average, histogram"),
        ("granularity=per_group", "per_channel, per_tensor"),
    ],
)
def test_wrong_options_name_the_right_ones(option: str, remedy: str) -> None:
    with pytest.raises(Exception, match=remedy):
        configured("inc_static", f"quantization.{option}")


@installed
def test_layers_that_do_not_fit_are_told_before_any_work(model: PFAFN) -> None:
    with pytest.raises(ValueError, match=r"the network has no warp.nothing"):
        configured("inc_static", "quantization.float_layers=[warp.nothing]").check(model)


@pytest.mark.parametrize("mode", ["inc_static", "inc_autotune"])
@pytest.mark.parametrize("absent", ["neural_compressor", "torchao"])
def test_a_toolkit_that_is_not_installed(mode: str, absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else find(name))
    with pytest.raises(Exception, match=r"needs neural-compressor: pip install 'vtoncompress\[inc\]'"):
        configured(mode)


def test_a_damaged_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "neural_compressor").mkdir()
    (tmp_path / "neural_compressor" / "__init__.py").write_text("raise RuntimeError('half\\na file')\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "neural_compressor"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(
            ValueError, match=r"inc_static: neural-compressor can't be imported \(half\): pip install --force"
        ),
        loaded("inc_static"),
    ):
        pass
    assert logging.root.manager.disable == 0
