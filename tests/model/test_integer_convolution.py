from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.export.conftest import EXPORTERS, pictures, toy
from vtoncompress import checkpoint
from vtoncompress.export.onnx import read_onnx
from vtoncompress.export.openvino import open_runtime
from vtoncompress.export.openvino_ir import read_ir
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.integer_convolution import Grid, IntegerConv2d, replace_layers
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.layers import quantized_layers

ROUNDING = 0.02  # a sum of integers that ends on the other side of a step moves what follows


@pytest.fixture(scope="module")
def network() -> PFAFN:
    """A toy whose convolutions in the generator, and some of the warp, count in integers."""
    model = fold_batch_norms(toy("official"))
    layers = quantized_layers(model, ["generator", "warp.image_FPN"])
    integers: dict[str, nn.Module] = {}
    for name in layers:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        scale = layer.weight.detach().abs().amax((1, 2, 3)).clamp_min(1e-6) / 127
        integers[name] = IntegerConv2d.of(layer, scale, Grid(0.05, 128, signed=False))
    replace_layers(model, integers)
    return model


def test_is_the_convolution_of_rounded_numbers() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, 3, padding=1, stride=2)
    scale = layer.weight.detach().abs().amax((1, 2, 3)) / 127
    integer = IntegerConv2d.of(layer, scale, Grid(0.03, -5, signed=True))
    features = torch.randn(2, 4, 9, 7)
    levels = (torch.round(features / 0.03) - 5).clamp(-128, 127)
    expected = nn.functional.conv2d((levels + 5) * 0.03, integer.float_weight(), layer.bias, stride=2, padding=1)
    torch.testing.assert_close(integer(features), expected)
    assert (integer.float_weight() - layer.weight).abs().max() <= scale.max() / 2 + 1e-7


def test_reopens_to_the_same_outputs(network: PFAFN, tmp_path: Path) -> None:
    checkpoint.save(network, tmp_path)
    reopened = checkpoint.load(tmp_path)
    for tensors in pictures(2):
        before, after = TorchRuntime(network)(tensors), TorchRuntime(reopened)(tensors)
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])
    checkpoint.save(toy("official"), tmp_path / "float")
    assert (tmp_path / "weights.safetensors").stat().st_size < 0.75 * (
        tmp_path / "float" / "weights.safetensors"
    ).stat().st_size


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_runtimes_paint_what_torch_paints(runtime: str, network: PFAFN, tmp_path: Path) -> None:
    exporter = EXPORTERS[runtime]()
    exporter.export(network, tmp_path)
    opened, reference = exporter.open(tmp_path), TorchRuntime(network)
    for tensors in pictures(2):
        expected, found = reference(tensors), opened(tensors)
        assert np.abs(expected["image"] - found["image"]).mean() < ROUNDING


def test_openvino_counts_in_integers_and_stores_them(network: PFAFN, tmp_path: Path) -> None:
    EXPORTERS["openvino"]().export(network, tmp_path)
    described = open_runtime(tmp_path).describe()
    assert described["executed_layers"]["u8"] == len(
        [layer for layer in network.modules() if isinstance(layer, IntegerConv2d)]
    )
    integers = sum(layer.weight.numel() for layer in network.modules() if isinstance(layer, IntegerConv2d))
    assert described["stored_bytes"]["i8"] == integers
    assert read_ir(tmp_path)


def test_onnx_stores_integers(network: PFAFN, tmp_path: Path) -> None:
    EXPORTERS["onnx"]().export(network, tmp_path)
    graph = read_onnx(tmp_path).graph
    stored = sum(int(np.prod(tensor.dims)) for tensor in graph.initializer if tensor.data_type == 3)
    integers = [layer for layer in network.modules() if isinstance(layer, IntegerConv2d)]
    assert stored >= sum(layer.weight.numel() for layer in integers)
    weights = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    made = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.output[0] in weights]
    assert len(made) == len(integers)


@pytest.mark.parametrize(
    "scale, zero_point, signed", [(0.0, 0, True), (-1.0, 0, True), (0.1, 200, True), (1, -1, False)]
)
def test_a_grid_that_is_none_is_refused(scale: float, zero_point: int, signed: bool) -> None:
    with pytest.raises(ValueError, match="of a quantized activation"):
        Grid(scale, zero_point, signed)


def test_a_structure_that_names_no_convolution_is_damaged(network: PFAFN, tmp_path: Path) -> None:
    checkpoint.save(network, tmp_path)
    path = tmp_path / checkpoint.STRUCTURE
    path.write_text(path.read_text().replace('"generator.model.model.0": {', '"generator.model": {', 1))
    with pytest.raises(ValueError, match="generator.model is no convolution"):
        checkpoint.load(tmp_path)


def levels(pixels: torch.Tensor, grid: Grid) -> torch.Tensor:
    return torch.round(pixels / grid.scale + grid.zero_point).clamp(*grid.levels)


@pytest.mark.parametrize("zero_point, signed", [(127, False), (128, False), (0, True)])
def test_no_pixel_lies_between_two_levels(zero_point: int, signed: bool) -> None:
    pixels = torch.arange(256) / 127.5 - 1
    less, more = pixels - 1e-6, pixels + 1e-6
    grid = Grid(1 / 127.5, zero_point, signed)
    assert not torch.equal(levels(less, grid), levels(more, grid))
    apart = grid.off_ties()
    assert torch.equal(levels(less, apart), levels(more, apart))
    assert apart.off_ties() == apart
    assert grid.scale < apart.scale < 1.002 * grid.scale


def test_other_grids_stay_as_they_are() -> None:
    assert Grid(0.01, 3, False).off_ties() == Grid(0.01, 3, False)
