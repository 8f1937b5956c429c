"""Blocks that are left out are those whose absence costs least, and the rest is as it was."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import default_collate

from tests.model.cat_vton.conftest import TINY_OF_8
from tests.pruning.cat_vton import ATTENTION, UNET, on_meta, predicted, tiny
from vtoncompress import checkpoint
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.metric.macs import count_call
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.blocks import Blocks
from vtoncompress.pruning.reached import compare, count

NOISE = {"noise": 1.0}


@torch.no_grad()
def _silence(model: CatVTON, block: str) -> None:
    """So that it adds nothing."""
    for parameter in model.get_submodule(f"{block}.proj_out").parameters():
        nn.init.zeros_(parameter)


def test_blocks_go_by_their_places_and_one_that_adds_nothing_without_a_trace(tmp_path: Path) -> None:
    model = tiny()
    assert model.blocks() == [
        "unet.down_blocks.0.attentions.0", "unet.mid_block.attentions.0",
        "unet.up_blocks.1.attentions.0", "unet.up_blocks.1.attentions.1",
    ]  # fmt: skip
    gone = model.blocks()[1]
    _silence(model, gone)
    before, dense, cost = predicted(model), count(model, UNET), count_call(model).total
    Blocks(0.25, [1], 1, NOISE).prune(model, UNET, None)
    assert gone not in model.blocks()
    assert torch.allclose(predicted(model), before, atol=1e-6)
    assert count_call(model).total < cost
    found = compare(dense, count(model, UNET))["unet"]
    assert found["heads"]["removed"] == found["blocks"]["removed"] == 0.25
    checkpoint.save(model, tmp_path)
    opened = checkpoint.load(tmp_path)
    assert isinstance(opened, CatVTON)
    assert opened.form() == {"removed_blocks": [gone]}
    assert torch.equal(predicted(opened), predicted(model))


def test_those_go_without_which_the_loss_rises_least() -> None:
    torch.manual_seed(0)
    model, data = CatVTON((128, 96), **TINY_OF_8).eval(), Synthetic("train", 2, 128, 96)
    with torch.no_grad():
        for block in model.blocks():  # as if they had learned something
            model.get_submodule(f"{block}.proj_out").weight.mul_(20)
    batches = [default_collate([training_tensors(data[place], place)]) for place in range(2)]
    losses = {}
    for block in model.blocks():
        without = copy.deepcopy(model)
        without.remove_blocks([block])
        with torch.no_grad():
            losses[block] = sum(float(without.losses(batch, NOISE)["noise"]) for batch in batches)
    Blocks(0.5, None, 2, NOISE).prune(model, UNET, None, data)
    assert sorted(model.form()["removed_blocks"]) == sorted(sorted(losses, key=losses.__getitem__)[:2])


@pytest.mark.parametrize(
    "ratio, blocks, scope, message",
    [
        (0.25, [4], UNET, r"pruning\.blocks has 4: the scope has blocks 0 to 3"),
        (0.25, [0, 1], UNET, r"pruning\.blocks=\[0, 1\] is another number than the 1 of 4 .* set pruning\.ratio=0\.5"),
        (0.25, None, ATTENTION, "holds 0 of the 4 transformer blocks: pruning=blocks needs two or more"),
    ],
)
def test_blocks_that_can_not_go_are_refused(ratio: float, blocks: object, scope: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Blocks(ratio, blocks, 1, NOISE).check(on_meta(), scope)  # type: ignore[arg-type]


def test_a_network_without_blocks_and_a_loss_without_pairs_are_refused(toy: PFAFN) -> None:
    with pytest.raises(ValueError, match="PFAFN has none: use pruning=one_shot"):
        Blocks(0.25, None, 1, NOISE).check(toy, ["warp"])
    with pytest.raises(ValueError, match=r"pruning\.pairs=3 training pairs with a truth, which the training data has"):
        Blocks(0.25, None, 3, NOISE).check_data(Synthetic("train", 2, 128, 96))
    with pytest.raises(ValueError, match=r"pruning\.pairs=0: use 1 or more"):
        Blocks(0.25, None, 0, NOISE)
