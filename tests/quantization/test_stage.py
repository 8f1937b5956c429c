from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tests.export.conftest import toy
from vtoncompress import checkpoint
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import PIXEL, Grid, IntegerConv2d, replace_layers
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.stage import quantization


class OnPixels(Quantization):
    """A mode whose grids are those of a picture's pixels, as a toolkit finds them on pictures from -1 to 1."""

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        for name in quantized_layers(model, ["generator"])[:2]:
            layer = model.get_submodule(name)
            assert isinstance(layer, torch.nn.Conv2d)
            scale = layer.weight.detach().abs().amax((1, 2, 3)) / 127
            replace_layers(model, {name: IntegerConv2d.of(layer, scale, Grid(PIXEL, 128, signed=False))})
        return model, {}


def test_no_network_leaves_the_stage_with_grids_on_which_runtimes_differ(tmp_path: Path) -> None:
    checkpoint.save(toy("official"), tmp_path / "tuned")
    config = {"quantization": {"_target_": f"{__name__}.OnPixels"}, "seed": 0}
    quantization.make(config, tmp_path / "tuned", tmp_path)
    layers = [layer for layer in checkpoint.load(tmp_path).modules() if isinstance(layer, IntegerConv2d)]
    assert [layer.grid for layer in layers] == [Grid(PIXEL, 128, signed=False).off_ties()] * 2
    assert layers[0].grid.scale > PIXEL
