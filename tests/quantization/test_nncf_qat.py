"""Training with rounding lowers the loss, ends in integers that are what was trained, and goes on after a kill."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import loss_of
from tests.export.conftest import pictures
from tests.finetuning.conftest import Small, shrink
from tests.quantization.conftest import configured
from tests.reopen import Reopener
from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.integer_convolution import IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization import nncf_quantizers
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.fake_quantized import FakeQuantizedConv2d, fake_quantize, freeze_layers
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.nncf_options import NNCFOptions
from vtoncompress.quantization.nncf_qat import NNCFQuantizationAwareTraining
from vtoncompress.quantization.nncf_quantizers import NNCFQuantizer, calibrated_quantizers
from vtoncompress.try_on import to_tensors

SCOPE = ("generator.model.model.0", "generator.model.model.1", "warp.image_FPN")
ROUNDING = 0.02  # as in tests/model/test_integer_convolution.py: a sum of integers on the other side of a step


@pytest.fixture(scope="module")
def network(pairs: list[Pair]) -> PFAFN:
    """Of 64 pixels, with batch norms that know the pairs."""
    torch.manual_seed(0)
    model = PFAFN(1 / 32, (64, 64))
    for name in model.float_layers():
        nn.init.normal_(model.get_submodule(name).weight, std=0.05)
    batch = torch.utils.data.default_collate([training_tensors(shrink(pair)) for pair in pairs])
    with torch.no_grad():
        for _ in range(20):
            model.train()(batch["person"], batch["garment"], batch["garment_mask"])
    return model.eval()


@pytest.fixture(scope="module")
def data(pairs: list[Pair]) -> Small:
    return Small([shrink(pair) for pair in pairs])


@pytest.fixture(scope="module")
def looked_at(data: Small) -> Material:
    inputs = [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in data.pairs]
    return Material(calibration=inputs, training=data)  # type: ignore[arg-type]


def mode(*overrides: str) -> NNCFQuantizationAwareTraining:
    options = {
        "samples": 12, "batch_size": 2, "workers": 0, "checkpoint_every": 2, "mixed_precision": "no", "warmup": 1,
        "learning_rate": 2e-3,
    }  # fmt: skip
    made = configured(
        "nncf_qat", *(f"quantization.training.{name}={value}" for name, value in options.items()),
        "quantization.training._target_=vtoncompress.finetuning.supervised.Supervised",
        f"quantization.modules=[{','.join(SCOPE)}]", *overrides,
    )  # fmt: skip
    assert isinstance(made, NNCFQuantizationAwareTraining)
    return made


def quantizing(network: PFAFN, looked_at: Material, **changed: Any) -> PFAFN:
    """With NNCF's quantizers in place, ready to be trained."""
    options: dict[str, Any] = {
        "preset": "mixed", "bias_correction": False, "range_estimator": "minmax", "granularity": "per_channel",
    }  # fmt: skip
    model = fold_batch_norms(network)
    layers = quantized_layers(model, SCOPE)
    fake_quantize(
        model,
        nncf_quantizers.calibrated_quantizers(
            model, layers, NNCFOptions(**{**options, **changed}), looked_at.calibration
        ),
    )
    return model.requires_grad_(True)


@pytest.fixture(scope="module", autouse=True)
def _calibrated_once() -> Iterator[None]:
    """NNCF takes eight seconds to look through the graph; equal questions get copies of one answer."""
    answers: dict[str, Any] = {}

    def ask(model: PFAFN, layers: list[str], options: NNCFOptions, calibration: Any) -> Any:
        key = f"{layers} {vars(options)} {weights_hash(model)}"
        if key not in answers:
            answers[key] = calibrated_quantizers(model, layers, options, calibration)
        return copy.deepcopy(answers[key])

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(nncf_quantizers, "calibrated_quantizers", ask)
        yield


@pytest.fixture(scope="module")
def undisturbed(
    network: PFAFN, looked_at: Material, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PFAFN, dict[str, Any]]:
    model, told = mode().prepare(network, replace(looked_at, work=tmp_path_factory.mktemp("work")))
    assert isinstance(model, PFAFN)
    return model, dict(told)


def test_gradients_reach_weights_and_ranges(network: PFAFN, looked_at: Material, data: Small) -> None:
    model = quantizing(network, looked_at).train()
    batch = torch.utils.data.default_collate([training_tensors(pair) for pair in data.pairs])
    torch.stack(list(loss_of(model, batch).values())).sum().backward()
    layers = [layer for layer in model.modules() if isinstance(layer, FakeQuantizedConv2d)]
    assert len(layers) == len(quantized_layers(network, SCOPE))
    for layer in layers:
        ranges = [*layer.of_input.parameters(), *layer.of_weight.parameters()]
        assert len(ranges) == 3  # the input's low end and range, the weights' scales
        for parameter in (layer.weight, *ranges):
            assert parameter.grad is not None
            assert parameter.grad.shape == parameter.shape
            assert torch.isfinite(parameter.grad).all()
    assert all(layer.weight.grad is not None and layer.weight.grad.any() for layer in layers)
    touched = [
        parameter.grad is not None and bool(parameter.grad.any())
        for layer in layers
        for parameter in layer.of_input.parameters()
    ]
    assert sum(touched) > len(touched) / 3  # the low end of what relu left is 0, and nothing lies below it


def test_the_loss_falls(
    network: PFAFN, looked_at: Material, undisturbed: tuple[PFAFN, dict[str, Any]], data: Small
) -> None:
    batch = torch.utils.data.default_collate([training_tensors(pair) for pair in data.pairs])
    with torch.no_grad():
        before, after = (
            float(torch.stack(list(loss_of(model, batch).values())).sum())
            for model in (quantizing(network, looked_at).eval(), undisturbed[0])
        )
    assert after < 0.98 * before
    assert undisturbed[1]["training"]["steps"] == 6


@pytest.mark.parametrize("changed", [{}, {"preset": "performance", "granularity": "per_tensor"}])
def test_integers_are_what_was_trained(network: PFAFN, looked_at: Material, changed: dict[str, str]) -> None:
    model = quantizing(network, looked_at, **changed).eval()
    frozen = copy.deepcopy(model)
    freeze_layers(frozen)
    alone = [
        (layer, frozen.get_submodule(name))
        for name, layer in model.named_modules()
        if isinstance(layer, FakeQuantizedConv2d)
    ]
    assert alone
    torch.manual_seed(0)
    with torch.no_grad():
        for trained, integer in alone:
            assert isinstance(integer, IntegerConv2d)
            torch.testing.assert_close(integer.float_weight(), trained.of_weight(trained.weight), rtol=1e-5, atol=1e-7)
            reach = integer.grid.scale * 300
            values = (torch.rand(2, trained.weight.shape[1], 9, 7) - 0.5) * reach  # some beyond the range
            found, expected = integer(values), trained(values)
            step = integer.grid.scale * integer.float_weight().abs().max()
            assert ((found - expected).abs() < step * 1e-3).float().mean() > 0.99  # ties may go either way
        for tensors in looked_at.calibration:
            outputs = [TorchRuntime(network)(tensors)["image"] for network in (model, frozen)]
            assert np.abs(outputs[0] - outputs[1]).mean() < ROUNDING / 10


def test_autocast_leaves_what_rounds_alone(network: PFAFN, looked_at: Material) -> None:
    """bfloat16 in its place would move results and gradients by a share of 2^-9."""
    model = quantizing(network, looked_at).train()
    torch.manual_seed(0)
    for layer in (layer for layer in model.modules() if isinstance(layer, FakeQuantizedConv2d)):
        features = torch.rand(2, layer.weight.shape[1], 9, 7)
        found = []
        for enabled in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                output = layer(features)
            found.append((output, *torch.autograd.grad(output.square().sum(), layer.weight)))
        for alone, under in zip(*found, strict=True):
            assert under.dtype == torch.float32
            torch.testing.assert_close(under, alone, rtol=0, atol=0)


@pytest.mark.slow
def test_begins_where_nncf_s_own_network_is(network: PFAFN, looked_at: Material) -> None:
    """The hooked network that ``nncf.quantize`` returns computes the same."""
    import nncf

    model, whole = quantizing(network, looked_at).eval(), fold_batch_norms(network)
    layers = quantized_layers(whole, SCOPE)
    options = NNCFOptions("mixed", False, "minmax", "per_channel")
    quantizers = nncf_quantizers.calibrated_quantizers(whole, layers, options, looked_at.calibration)
    assert quantizers.keys() == set(layers)
    assert all(isinstance(one, NNCFQuantizer) for both in quantizers.values() for one in both)
    inputs = [{name: torch.from_numpy(value) for name, value in one.items()} for one in looked_at.calibration]
    from nncf.torch.function_hook.nncf_graph.nncf_graph_builder import build_nncf_graph
    from nncf.torch.function_hook.wrapper import wrap_model

    graph = build_nncf_graph(wrap_model(copy.deepcopy(whole)), dict(inputs[0]))
    convolutions = {graph.get_next_nodes(graph.get_node_by_name(f"{name}.weight"))[0].node_name for name in layers}
    ignored = [
        node.node_name
        for node in graph.get_all_nodes()
        if not node.node_type.startswith("nncf_model_") and node.node_name not in convolutions
    ]
    hooked = nncf.quantize(whole, nncf.Dataset(inputs), **options.arguments(ignored, looked_at.calibration)).eval()
    with torch.no_grad():
        for tensors in inputs:
            torch.testing.assert_close(model(**tensors)["image"], hooked(**tensors)["image"], rtol=0, atol=1e-6)


def test_reopens_and_runs_in_integers(
    undisturbed: tuple[PFAFN, dict[str, Any]], looked_at: Material, tmp_path: Path, reopened: Reopener
) -> None:
    """ONNX Runtime and torch.compile run the same layers: tests/model/test_integer_convolution.py."""
    model = undisturbed[0]
    checkpoint.save(model, tmp_path / "torch")
    reference = TorchRuntime(model)
    integers = [layer for layer in model.modules() if isinstance(layer, IntegerConv2d)]
    assert len(integers) == undisturbed[1]["quantized_layers"]
    OpenVINOExporter().export(model, tmp_path / "openvino")
    opened = OpenVINOExporter().open(tmp_path / "openvino")
    for tensors in looked_at.calibration:
        elsewhere = reopened(tmp_path / "torch", tensors)
        np.testing.assert_array_equal(elsewhere["image"], reference(tensors)["image"])
        assert np.abs(reference(tensors)["image"] - opened(tensors)["image"]).mean() < ROUNDING
    executed = opened.describe()["executed_layers"]
    assert executed.get("u8", 0) + executed.get("i8", 0) == len(integers)


def test_a_killed_training_goes_on_to_the_same_result(
    network: PFAFN, looked_at: Material, data: Small, undisturbed: tuple[PFAFN, dict[str, Any]], tmp_path: Path
) -> None:
    stopped = replace(looked_at, training=data.killed_at(9), work=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        mode().prepare(network, stopped)
    state = torch.load(tmp_path / "training.pt", weights_only=True)
    assert state["step"] == 2
    assert any(name.endswith("of_input.quantizer.input_low") for name in state["model"])
    torch.manual_seed(1)
    model, told = mode().prepare(network, replace(looked_at, work=tmp_path))
    assert told == undisturbed[1]
    expected = undisturbed[0].state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    assert [m.grid for m in model.modules() if isinstance(m, IntegerConv2d)] == [
        m.grid for m in undisturbed[0].modules() if isinstance(m, IntegerConv2d)
    ]


def test_learns_from_a_teacher(network: PFAFN, looked_at: Material, tmp_path: Path) -> None:
    torch.manual_seed(1)
    teacher = PFAFN(1 / 16, (64, 64)).eval()
    distilled = mode(
        "quantization.training._target_=vtoncompress.finetuning.distillation.Distillation",
        "quantization.training.samples=4", "quantization.training.mixed_precision=bf16",
    )  # fmt: skip
    _, told = distilled.prepare(network, replace(looked_at, work=tmp_path, teacher=teacher))
    assert told["training"]["teacher"]["network"] == "dense"


def test_what_is_left_alone_stays_float(network: PFAFN, undisturbed: tuple[PFAFN, dict[str, Any]]) -> None:
    integers = {name for name, layer in undisturbed[0].named_modules() if isinstance(layer, IntegerConv2d)}
    assert integers == set(quantized_layers(network, SCOPE))
    assert not any(isinstance(layer, FakeQuantizedConv2d) for layer in undisturbed[0].modules())
    assert not any(parameter.requires_grad for parameter in undisturbed[0].parameters())


@pytest.mark.parametrize(
    "option, told",
    [
        ("training.processes=2", "runs in one process"),
        ("float_layers=[warp.nothing]", "the network has no warp.nothing"),
        ("training.first_phase={share: 0.5, modules: [nothing]}", "nothing"),
    ],
)
def test_what_does_not_fit_is_told_before_any_work(option: str, told: str, network: PFAFN) -> None:
    with pytest.raises(ValueError, match=told):
        mode("quantization.training.batch_size=4", f"quantization.{option}").check(network)


def test_no_calibration_pairs(network: PFAFN) -> None:
    with pytest.raises(ValueError, match="needs calibration pairs"):
        mode().prepare(network, Material(calibration=pictures(0)))
