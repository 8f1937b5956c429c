"""The way through PT2E and back, with torchao as the toolkit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vtoncompress.model.integer_convolution import IntegerConv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.torchao_options import TorchAOOptions

pytest.importorskip("torchao")


class Residual(nn.Module):
    """A convolution whose result goes through a batch norm and, as it is, past it; small enough for seconds."""

    size = (8, 8)
    inputs = PFAFN.inputs

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        nn.init.uniform_(self.norm.running_mean, -1, 1)  # type: ignore[arg-type]
        nn.init.uniform_(self.norm.running_var, 2, 3)  # type: ignore[arg-type]
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)

    def forward(self, person: Any, garment: Any, garment_mask: Any) -> dict[str, Any]:
        features = self.first(person + garment * garment_mask)
        return {"image": features + self.second(torch.relu(self.norm(features)))}


def inputs(seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    return {name: torch.randn(1, channels, 8, 8) for name, channels in PFAFN.inputs.items()}


@pytest.fixture(scope="module")
def network() -> Any:
    return Residual().eval()


def quantized(network: Any, fold: bool, by_name: bool = True) -> Any:
    """By torchao's own quantizer for x86."""
    with pt2e.quiet():
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
            X86InductorQuantizer,
            get_default_x86_inductor_quantization_config,
        )

        quantizer, configuration = X86InductorQuantizer(), get_default_x86_inductor_quantization_config()
        if by_name:
            for name in ("first", "second"):
                quantizer.set_module_name_qconfig(name, configuration)
        else:
            quantizer.set_global(configuration)
        prepared = prepare_pt2e(pt2e.trace(network), quantizer)
        pt2e.calibrate(prepared, [{name: value.numpy() for name, value in inputs(seed).items()} for seed in range(3)])
        return convert_pt2e(prepared, fold_quantize=fold)


def test_a_trace_computes_what_the_network_does(network: Any) -> None:
    with torch.no_grad():
        torch.testing.assert_close(pt2e.trace(network)(**inputs(0))["image"], network(**inputs(0))["image"])


def test_nodes_know_their_modules(network: Any) -> None:
    graph = pt2e.trace(network).graph
    assert [pt2e.module_of(node) for node in graph.nodes if node.target is pt2e.CONVOLUTION] == ["first", "second"]


@pytest.mark.parametrize("fold", [True, False])
def test_integer_layers_compute_what_the_toolkit_does(fold: bool, network: Any) -> None:
    converted = quantized(network, fold)
    found = pt2e.integer_network(network, converted)
    assert isinstance(found.first, IntegerConv2d)
    assert isinstance(found.second, IntegerConv2d)
    with torch.no_grad():
        expected, float32 = converted(**inputs(4))["image"], network(**inputs(4))["image"]
        image = found(**inputs(4))["image"]
    torch.testing.assert_close(image, expected, atol=1e-5, rtol=1e-5)
    assert 1e-3 < (image - float32).abs().mean() < 0.05, "rounded, and no batch norm went astray"


def test_the_networks_own_layers_stay_as_they_are(network: Any) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pt2e.integer_network(network, quantized(network, fold=True))
    assert isinstance(network.first, nn.Conv2d)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_whatever_else_a_toolkit_rounds_only_convolutions_become_integer(network: Any) -> None:
    converted = quantized(network, fold=True, by_name=False)
    assert set(pt2e.integer_layers(network, converted)) == {"first", "second"}


def test_a_layer_called_with_inputs_of_two_ranges_is_refused() -> None:
    class Twice(nn.Module):
        size = (8, 8)
        inputs = PFAFN.inputs

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 3, 3, padding=1)
            self.second = nn.Conv2d(3, 3, 1)

        def forward(self, person: Any, garment: Any, garment_mask: Any) -> dict[str, Any]:
            return {"image": self.second(self.first(self.first(person * 9) + garment * garment_mask))}

    network: Any = Twice().eval()
    calibration = [{name: value.numpy() for name, value in inputs(0).items()}]
    converted = TorchAOOptions("torchao_ptq", "mixed", "minmax", "per_channel").quantize(
        network, ["first", "second"], calibration
    )
    with pytest.raises(ValueError, match=r"first is called with inputs of different ranges"):
        pt2e.integer_layers(network, converted)
