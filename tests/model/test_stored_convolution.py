from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.export.conftest import EXPORTERS, pictures, toy
from vtoncompress import checkpoint
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.weight_only_convolution import FORMATS, WeightOnlyConv2d, group_length
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.replacement import with_replaced

LEVELS = {"float16": 2048, "int8": 128, "int4": 8}


def stored(format: str) -> PFAFN:
    model = toy("official")
    layers = quantized_layers(model, ["generator", "warp.image_FPN"])
    made = with_replaced(model, layers, lambda layer: WeightOnlyConv2d.of(layer, format, 16))
    assert isinstance(made, PFAFN)
    return made


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("groups", [1, 3])
def test_rounds_each_weight_to_the_nearest(format: str, groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(9, 15, 3, padding=1, stride=2, groups=groups)
    small = WeightOnlyConv2d.of(layer, format, 9)
    error = (small.float_weight() - layer.weight).abs()
    assert 0 < error.max() < 2 * layer.weight.abs().max() / LEVELS[format]
    features = torch.randn(2, 9, 8, 7)
    torch.testing.assert_close(small(features), small.ordinary()(features))
    assert small.float().weight.dtype != torch.float32, "what is stored keeps its type"


def test_an_odd_number_of_4_bit_weights() -> None:
    small = WeightOnlyConv2d.of(nn.Conv2d(3, 5, 3), "int4")
    assert small.weight.shape == (68,)
    assert small.levels().shape == (5, 1, 27)
    assert int(small.levels().min()) >= -8
    assert int(small.levels().max()) <= 7


def test_zeros_and_tiny_weights_stay_finite() -> None:
    layer = nn.Conv2d(4, 4, 1)
    nn.init.constant_(layer.weight, 1e-12)
    for format in FORMATS:
        assert torch.equal(WeightOnlyConv2d.of(layer, format).float_weight(), torch.zeros(4, 4, 1, 1))


@pytest.mark.parametrize("asked, length", [(-1, 720), (0, 720), (64, 60), (1000, 720), (1, 1)])
def test_groups_divide_a_channel(asked: int, length: int) -> None:
    assert group_length((32, 80, 3, 3), asked) == length


@pytest.mark.parametrize("format", FORMATS)
def test_reopens_and_exports_to_the_same_numbers(format: str, tmp_path: Path) -> None:
    network = stored(format)
    reference = [TorchRuntime(network)(tensors) for tensors in pictures(2)]
    for name, kind in EXPORTERS.items():
        kind().export(network, tmp_path / name)
        opened = kind().open(tmp_path / name)
        for tensors, expected in zip(pictures(2), reference, strict=True):
            tolerance = 0 if name == "torch" else 1e-3
            np.testing.assert_allclose(opened(tensors)["image"], expected["image"], rtol=0, atol=tolerance)
        layers = [layer for layer in network.modules() if isinstance(layer, WeightOnlyConv2d)]
        kept = opened.describe()["stored_bytes"]
        small = kept.get({"float16": "f16", "int8": "i8", "int4": "u8" if name == "torch" else "i4"}[format])
        assert small is not None
        wanted = sum(layer.weight.numel() * layer.weight.element_size() for layer in layers)
        assert abs(small - wanted) <= (kept["f16"] if format == "float16" else len(layers)), "constants were widened"


def test_a_damaged_structure_is_told(tmp_path: Path) -> None:
    checkpoint.save(stored("int8"), tmp_path)
    path = tmp_path / checkpoint.STRUCTURE
    path.write_text(path.read_text().replace('"format": "int8"', '"format": "int3"', 1))
    with pytest.raises(ValueError, match="unknown format int3"):
        checkpoint.load(tmp_path)
