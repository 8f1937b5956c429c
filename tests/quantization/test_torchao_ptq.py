from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.fx import GraphModule

from tests.export.conftest import pictures
from tests.quantization.conftest import EXPORTERS, configured
from tests.reopen import Reopener
from vtoncompress import checkpoint
from vtoncompress.export.parity import check_parity
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.torchao_options import TorchAOOptions
from vtoncompress.quantization.torchao_ptq import TorchAOPostTraining

pytest.importorskip("torchao")

ROUNDING = 0.02  # a sum that ends on the other side of a step moves what follows


@pytest.fixture(scope="module")
def converted() -> list[GraphModule]:
    """What torchao made while :func:`quantized` was made."""
    return []


@pytest.fixture(scope="module")
def quantized(model: PFAFN, material: Material, converted: list[GraphModule]) -> TryOnModel:
    with pytest.MonkeyPatch.context() as patch:
        quantize = TorchAOOptions.quantize
        patch.setattr(TorchAOOptions, "quantize", lambda *given: converted.append(quantize(*given)) or converted[-1])
        prepared, record = configured("torchao_ptq").prepare(model, material)
    assert record == {"quantized_layers": len(quantized_layers(model, ["warp", "generator"]))}
    return prepared


def test_computes_what_torchao_computes(quantized: TryOnModel, converted: list[GraphModule]) -> None:
    for tensors in pictures(2):
        inputs = {name: torch.from_numpy(value) for name, value in tensors.items()}
        with torch.no_grad():
            expected, found = converted[0](**inputs), quantized(**inputs)
        for name in expected:
            assert (expected[name] - found[name]).abs().mean() < 1e-5


def test_paints_nearly_the_same(model: PFAFN, quantized: TryOnModel, material: Material) -> None:
    mode = configured("torchao_ptq")
    found = check_parity(model, TorchRuntime(quantized), list(material.calibration), mode.tolerance)
    assert found["parity_mean"] > 0.01, "nothing was quantized"


def test_quantizes_the_scope_but_for_coordinates(model: PFAFN, quantized: TryOnModel) -> None:
    integer = [name for name, layer in quantized.named_modules() if isinstance(layer, IntegerConv2d)]
    assert integer == quantized_layers(model, ["warp", "generator"])
    kept = [name for name, layer in quantized.named_modules() if isinstance(layer, nn.Conv2d)]
    assert kept == [name for name, _ in model.named_modules() if name in model.float_layers()]


def test_reopens_to_the_same_outputs_without_the_toolkit(
    quantized: TryOnModel, tmp_path: Path, reopened: Reopener
) -> None:
    checkpoint.save(quantized, tmp_path)
    elsewhere = reopened(tmp_path, pictures(1)[0])
    for name, values in TorchRuntime(quantized)(pictures(1)[0]).items():
        np.testing.assert_array_equal(elsewhere[name], values)


@pytest.mark.parametrize("runtime", EXPORTERS)
def test_runtimes_paint_what_torch_paints(runtime: str, quantized: TryOnModel, tmp_path: Path) -> None:
    exporter = EXPORTERS[runtime]()
    exporter.export(quantized, tmp_path)
    opened, reference = exporter.open(tmp_path), TorchRuntime(quantized)
    for tensors in pictures(2):
        assert np.abs(opened(tensors)["image"] - reference(tensors)["image"]).mean() < ROUNDING
    if runtime == "openvino":
        integers = sum(isinstance(layer, IntegerConv2d) for layer in quantized.modules())
        assert opened.describe()["executed_layers"]["u8"] == integers


def _layers(model: PFAFN, material: Material, *overrides: str) -> list[IntegerConv2d]:
    few = Material(calibration=list(material.calibration)[:1])
    prepared, _ = configured("torchao_ptq", *overrides).prepare(model, few)
    return [layer for layer in prepared.modules() if isinstance(layer, IntegerConv2d)]


@pytest.mark.parametrize(
    "option, holds",
    [
        ("granularity=per_tensor", lambda layer: len(layer.scale.unique()) == 1),
        ("preset=performance", lambda layer: layer.grid.zero_point == 127),
    ],
)
def test_an_option_changes_the_numbers(
    option: str, holds: Callable[[IntegerConv2d], bool], model: PFAFN, quantized: TryOnModel, material: Material
) -> None:
    only = f"quantization.modules=[{quantized_layers(model, ['generator'])[0]}]"
    found = _layers(model, material, only, f"quantization.{option}")
    assert len(found) == 1
    assert all(holds(layer) for layer in found)
    assert not all(holds(layer) for layer in quantized.modules() if isinstance(layer, IntegerConv2d))


def test_weights_keep_their_levels_however_small(model: PFAFN, quantized: TryOnModel) -> None:
    """torchao's own configuration ends at a scale of 2^-12."""
    layers = [layer for layer in quantized.modules() if isinstance(layer, IntegerConv2d)]
    assert min(float(layer.scale.min()) for layer in layers) < 2**-12
    assert all(layer.weight.int().abs().amax((1, 2, 3)).min() >= 127 for layer in layers)
    folded = fold_batch_norms(model)
    name = quantized_layers(model, ["generator"])[0]
    weight = folded.get_submodule(name).weight
    integer = quantized.get_submodule(name)
    assert isinstance(integer, IntegerConv2d)
    assert (integer.float_weight() - weight).abs().max() <= integer.scale.max() / 2 + 1e-7


def test_says_nothing(model: PFAFN, material: Material, capfd: pytest.CaptureFixture) -> None:
    capfd.readouterr()
    _layers(model, material, f"quantization.modules=[{quantized_layers(model, ['generator'])[0]}]")
    assert capfd.readouterr() == ("", "")


def test_runs_where_it_says() -> None:
    assert TorchAOPostTraining.runtimes == {"torch", "torch_compile", "openvino", "onnxruntime"}


def test_no_calibration_pairs(model: PFAFN) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        configured("torchao_ptq").prepare(model, Material())


@pytest.mark.parametrize(
    "option, remedy",
    [
        ("preset=best", "mixed, performance"),
        ("range_estimator=mean_minmax", "minmax, histogram"),
        ("granularity=per_group", "per_channel, per_tensor"),
    ],
)
def test_wrong_options_name_the_right_ones(option: str, remedy: str) -> None:
    with pytest.raises(Exception, match=remedy):
        configured("torchao_ptq", f"quantization.{option}")


def test_layers_that_do_not_fit_are_told_before_any_work(model: PFAFN) -> None:
    with pytest.raises(ValueError, match=r"the network has no warp\.nothing"):
        configured("torchao_ptq", "quantization.float_layers=[warp.nothing]").check(model)
