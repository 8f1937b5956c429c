from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.finetuning.conftest import Small, shrink
from tests.quantization.conftest import configured
from tests.reopen import Reopener
from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.export.base import Tensors
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import Grid, IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.fake_quantized import FakeQuantizedConv2d
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.torchao_options import TorchAOOptions
from vtoncompress.quantization.torchao_quantizers import InputQuantizer, WeightQuantizer
from vtoncompress.try_on import to_tensors

pytest.importorskip("torchao")

SMALL = (
    "quantization.scope=generator", "quantization.training.samples=6", "quantization.training.batch_size=2",
    "quantization.training.workers=0", "quantization.training.warmup=1", "quantization.training.checkpoint_every=1",
    "quantization.training.mixed_precision=no", "quantization.range_samples=5",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quantized_once() -> Iterator[None]:
    """All that is trained here begins with the same ranges: torchao finds them once, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        quantize, found = TorchAOOptions.quantize, {}
        patch.setattr(TorchAOOptions, "quantize", lambda *given: found.setdefault(0, found.get(0) or quantize(*given)))
        yield


@pytest.fixture(scope="module")
def network() -> PFAFN:
    torch.manual_seed(0)
    return PFAFN(1 / 32, (64, 64)).eval()


@pytest.fixture(scope="module")
def data(pairs: list[Pair]) -> Small:
    return Small([shrink(pair) for pair in pairs])


@pytest.fixture(scope="module")
def calibration(data: Small) -> list[Tensors]:
    return [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in data.pairs]


def material(network: PFAFN, data: Any, calibration: list[Tensors], folder: Path) -> Material:
    return Material(calibration=calibration, training=data, work=folder, teacher=copy.deepcopy(network))


@pytest.fixture(scope="module")
def trained(
    network: PFAFN, data: Small, calibration: list[Tensors], tmp_path_factory: pytest.TempPathFactory
) -> tuple[TryOnModel, Any]:
    before = weights_hash(network)
    torch.manual_seed(0)
    found = configured("torchao_qat", *SMALL).prepare(
        network, material(network, data, calibration, tmp_path_factory.mktemp("work"))
    )
    assert weights_hash(network) == before, "the given network was changed"
    return found


def test_ends_in_integer_convolutions_that_have_learned(network: PFAFN, trained: tuple[TryOnModel, Any]) -> None:
    model, record = trained
    integer = {name: layer for name, layer in model.named_modules() if isinstance(layer, IntegerConv2d)}
    assert list(integer) == quantized_layers(network, ["generator"])
    assert record["quantized_layers"] == len(integer)
    assert record["training"]["steps"] == 3
    assert {"loss_teacher_features", "teacher"} <= record["training"].keys()
    start = fold_batch_norms(network)
    moved = [(layer.float_weight() - start.get_submodule(name).weight).abs().max() for name, layer in integer.items()]
    assert all(change > 0 for change in moved)
    kept = start.get_submodule("warp.image_FPN.smooth.0").weight
    assert not torch.equal(model.get_submodule("warp.image_FPN.smooth.0").weight, kept), "the rest learns, too"


def test_keeps_the_statistics_of_batch_norms(network: PFAFN, trained: tuple[TryOnModel, Any]) -> None:
    start = fold_batch_norms(network)
    norms = [(name, norm) for name, norm in trained[0].named_modules() if isinstance(norm, nn.BatchNorm2d)]
    assert norms
    assert {type(norm) for _, norm in norms} == {nn.BatchNorm2d}
    for name, norm in norms:
        assert torch.equal(norm.running_var, start.get_submodule(name).running_var)
    assert any(not torch.equal(norm.weight, start.get_submodule(name).weight) for name, norm in norms)


def test_reopens_to_the_same_outputs(
    trained: tuple[TryOnModel, Any], calibration: list[Tensors], tmp_path: Path, reopened: Reopener
) -> None:
    checkpoint.save(trained[0], tmp_path)
    elsewhere = reopened(tmp_path, calibration[0])
    for name, values in TorchRuntime(trained[0])(calibration[0]).items():
        np.testing.assert_array_equal(elsewhere[name], values)


def test_a_killed_training_goes_on_to_the_same_result(
    network: PFAFN, data: Small, calibration: list[Tensors], trained: tuple[TryOnModel, Any], tmp_path: Path
) -> None:
    mode = configured("torchao_qat", *SMALL)
    with pytest.raises(KeyboardInterrupt):
        mode.prepare(network, material(network, data.killed_at(4), calibration, tmp_path))
    assert torch.load(tmp_path / "training.pt", weights_only=True)["step"] == 1  # of 3, and the ranges still move
    again, record = mode.prepare(network, material(network, data, calibration, tmp_path))
    assert weights_hash(again) == weights_hash(trained[0])
    grids = [[layer.grid for layer in one.modules() if isinstance(layer, IntegerConv2d)] for one in (again, trained[0])]
    assert grids[0] == grids[1]
    assert record == trained[1]


def test_a_fake_quantized_layer_computes_what_it_ends_as() -> None:
    torch.manual_seed(0)
    of_input, of_weight = InputQuantizer(Grid(0.02, 100, False), range_samples=4), WeightQuantizer(True, 6)
    layer = FakeQuantizedConv2d(nn.Conv2d(4, 6, 3, padding=1), of_input, of_weight)
    features = torch.randn(2, 4, 8, 8) * 5
    layer.train()(features)
    first = of_input.levels().scale.clone()
    assert first > 0.02, "the range follows what it sees"
    layer(features * 10)
    last = of_input.levels().scale.clone()
    assert last > first
    layer(features * 100)
    assert torch.equal(of_input.levels().scale, last), "and stays after range_samples pairs"
    layer.eval()
    with torch.no_grad():
        torch.testing.assert_close(layer(features), layer.frozen()(features))
    output = layer.train()(features)
    output.square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0


def test_per_tensor_weights_have_one_scale() -> None:
    torch.manual_seed(0)
    of_input, of_weight = InputQuantizer(Grid(0.02, 100, False), range_samples=0), WeightQuantizer(False, 6)
    layer = FakeQuantizedConv2d(nn.Conv2d(4, 6, 3, padding=1), of_input, of_weight).frozen()
    assert len(layer.scale) == 6
    assert len(layer.scale.unique()) == 1
    assert (layer.grid.scale, layer.grid.zero_point) == (pytest.approx(0.02), 100)


@pytest.mark.parametrize(
    "option, told",
    [
        ("range_samples=-1", "use 0 or more"),
        ("range_estimator=mean_minmax", "minmax, histogram"),
    ],
)
def test_wrong_options_are_told_before_any_work(option: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        configured("torchao_qat", *SMALL, f"quantization.{option}")


@pytest.mark.parametrize(
    "option, told",
    [
        ("quantization.training={batch_size: 4, processes: 2}", "runs in one process"),
        ("quantization.training.batch_norm_pairs=16", "use 0"),
        ("finetuning@quantization.training=none", "must train"),
        ("quantization.float_layers=[warp.nothing]", r"the network has no warp\.nothing"),
    ],
)
def test_what_does_not_fit_is_told_before_any_work(network: PFAFN, option: str, told: str) -> None:
    configured("torchao_qat", *SMALL).check(network)
    with pytest.raises(ValueError, match=told):
        configured("torchao_qat", option).check(network)


def test_needs_pairs(network: PFAFN) -> None:
    with pytest.raises(ValueError, match="needs calibration and training pairs"):
        configured("torchao_qat", *SMALL).prepare(network, Material())
