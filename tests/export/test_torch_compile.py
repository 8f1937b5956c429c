"""A network of three convolutions, because compiling the smallest PF-AFN takes minutes."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.export.conftest import pictures, toy
from vtoncompress import checkpoint
from vtoncompress.export.base import Tensors
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.torch_compile import TorchCompileExporter, TorchCompileRuntime, open_runtime
from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
from vtoncompress.model.integer_convolution import Grid, IntegerConv2d, replace_layers
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")


class Painter(nn.Module):
    """Not a whole try-on model, but all that a runtime asks of one."""

    size = (32, 24)
    inputs = PFAFN.inputs

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(
            nn.Conv2d(7, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Upsample(scale_factor=2),
        )
        nn.init.uniform_(self.encoder[1].running_var, 0.5, 2)
        self.last = nn.Conv2d(16, 3, 3, padding=1)

    def forms(self, graph: bool) -> dict[str, str]:
        return {}

    def forward(self, person: Any, garment: Any, garment_mask: Any) -> dict[str, Any]:
        features = self.encoder(torch.cat([person, garment, garment_mask], 1))
        return {"image": torch.tanh(self.last(features))}


def integer_painter() -> Any:
    """One convolution on an unsigned grid, one on a signed one, and the last in float."""
    model: Any = Painter().eval()
    model.encoder[1] = nn.Identity()
    scales = {"encoder.0": Grid(2.2 / 255, 128, False), "encoder.3": Grid(0.02, -128, True)}
    layers: dict[str, nn.Module] = {}
    for name, grid in scales.items():
        layer = model.get_submodule(name)
        layers[name] = IntegerConv2d.of(layer, layer.weight.detach().abs().amax((1, 2, 3)) / 127, grid)
    replace_layers(model, layers)
    return model


def stored_painter() -> Any:
    """One convolution in bfloat16, one whose weights are stored in 8 bits."""
    model: Any = Painter().eval()
    first, second = model.encoder[0], model.encoder[3]
    replace_layers(model, {"encoder.0": BFloat16Conv2d.of(first), "encoder.3": WeightOnlyConv2d.of(second, "int8")})
    return model


def inputs(seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1, 1, (1, many, 32, 24)).astype(np.float32) for name, many in PFAFN.inputs.items()}


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    """By precision: the network and its runtime; what compiling one takes is most of what these tests take."""
    if shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler")
    networks = {"float": Painter().eval(), "integer": integer_painter(), "stored": stored_painter()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {name: (network, TorchCompileRuntime(network)) for name, network in networks.items()}


@pytest.mark.parametrize(
    "precision, mean, most", [("float", 1e-6, 1e-5), ("integer", 1e-4, 0.02), ("stored", 1e-3, 0.02)]
)
def test_paints_what_eager_torch_paints(precision: str, mean: float, most: float, compiled: dict[str, Any]) -> None:
    """What rounds, to integers or to bfloat16, may fall on the other side of a step: a number is one step off then."""
    network, runtime = compiled[precision]
    for seed in range(3):
        expected, found = TorchRuntime(network)(inputs(seed)), runtime(inputs(seed))
        assert found.keys() == {"image"}
        difference = np.abs(expected["image"] - found["image"])
        assert difference.mean() < mean
        assert difference.max() < most


@pytest.mark.parametrize("precision, executed", [("float", {"f32": 3}), ("integer", {"u8": 2, "f32": 1})])
def test_tells_which_precision_runs(precision: str, executed: dict[str, int], compiled: dict[str, Any]) -> None:
    described = compiled[precision][1].describe()
    assert described["executed_layers"] == executed
    assert described["runtime"] == "torch_compile"
    assert described["compile_s"] > 0.1
    assert described["threads"] == torch.get_num_threads()
    assert ("i8" in described["stored_bytes"]) == (precision == "integer")


def test_results_are_kept_when_the_next_call_comes(compiled: dict[str, Any]) -> None:
    runtime = compiled["integer"][1]
    first = runtime(inputs(0))["image"]
    kept = first.copy()
    runtime(inputs(1))
    np.testing.assert_array_equal(first, kept)


def test_calls_do_not_compile_again(compiled: dict[str, Any]) -> None:
    with torch.compiler.set_stance("fail_on_recompile"):
        compiled["float"][1](inputs(5))


@needs_compiler
def test_the_given_network_is_left_alone_and_nothing_said(capfd: pytest.CaptureFixture) -> None:
    """Freezing drops the weights that it has packed."""
    network: Any = Painter().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    capfd.readouterr()
    TorchCompileRuntime(network)
    assert capfd.readouterr() == ("", "")
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@needs_compiler
def test_writes_what_torch_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy("official")
    TorchCompileExporter().export(model, tmp_path / "compiled")
    checkpoint.save(model, tmp_path / "torch")
    for file in (tmp_path / "torch").iterdir():
        assert (tmp_path / "compiled" / file.name).read_bytes() == file.read_bytes()
    opened: list[Any] = []
    monkeypatch.setattr(TorchCompileRuntime, "__init__", lambda self, network, threads: opened.append(network))
    TorchCompileExporter().open(tmp_path / "compiled")
    expected, found = (TorchRuntime(network)(pictures(1)[0])["image"] for network in (model, opened[0]))
    np.testing.assert_array_equal(expected, found)


@needs_compiler
def test_a_damaged_folder_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no checkpoint: structure\.json is missing"):
        open_runtime(tmp_path)


def test_a_machine_without_a_compiler_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    for attempt in (TorchCompileExporter, lambda: open_runtime(Path("nowhere"))):
        with pytest.raises(ValueError, match=r"needs a C\+\+ compiler: install g\+\+"):
            attempt()
    monkeypatch.setenv("CXX", "/no/such/compiler")
    with pytest.raises(ValueError, match="needs a C"):
        TorchCompileExporter()
