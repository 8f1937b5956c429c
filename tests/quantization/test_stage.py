from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.export.conftest import toy
from tests.model.cat_vton.conftest import TINY
from vtoncompress import checkpoint
from vtoncompress.export.parity import ParityError
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.integer_convolution import PIXEL, Grid, IntegerConv2d, replace_layers
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.none import TOLERANCE, NoQuantization
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.stage import deployment, quantization


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


@pytest.mark.parametrize("trained", [True, False])
def test_the_gates_that_are_recorded_are_those_that_were_applied(
    trained: bool, toys: dict[str, PFAFN], tmp_path: Path
) -> None:
    """A module that was trained may paint what it has learned; it must come out of the runtime as it is."""
    checkpoint.save(toys["official"], tmp_path / "tuned")
    torch.manual_seed(1)
    other = copy.deepcopy(toys["official"])
    with torch.no_grad():
        for layer in other.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight += 0.2 * layer.weight.std() * torch.randn_like(layer.weight)
    checkpoint.save(other, tmp_path / "prepared")
    (tmp_path / "prepared" / quantization.RECORD).write_text("{}")
    pairs = {
        "_target_": "vtoncompress.data.synthetic.Synthetic",
        "split": "test",
        "pairs": 1,
        "height": 128,
        "width": 96,
    }
    exporter = {"_target_": "vtoncompress.export.torch.TorchExporter"}
    config = {"parity_data": pairs, "export": exporter, "model": "toy", "seed": 0, "tolerance": 3, "trained": trained}
    if not trained:
        with pytest.raises(ParityError, match="3 are allowed"):
            deployment.make_prepared(config, tmp_path / "tuned", tmp_path / "prepared", tmp_path)
        return
    deployment.make_prepared(config, tmp_path / "tuned", tmp_path / "prepared", tmp_path)
    parity = json.loads((tmp_path / deployment.PARITY).read_text())
    assert (parity["tolerance"], parity["export_tolerance"]) == (None, deployment.EXPORT_TOLERANCE)
    assert parity["parity_mean"] > 3
    assert parity["parity_export_mean"] == 0


@pytest.mark.parametrize("merging, expected", [(0.0, TOLERANCE), (0.5, deployment.MERGING_TOLERANCE)])
def test_where_tokens_are_merged_the_last_bits_may_choose(merging: float, expected: float) -> None:
    model = CatVTON((32, 24), **TINY)
    model.set_sampling(DDIM(merging=merging))
    assert deployment.allowed(NoQuantization(), model) == expected
