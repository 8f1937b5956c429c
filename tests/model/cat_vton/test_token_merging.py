"""Merged tokens: where tokens are alike nothing is lost, and each token gets its own result back."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.model.cat_vton.conftest import TINY
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.token_merging import merge
from vtoncompress.model.cat_vton.unet import self_attention
from vtoncompress.sampling.ddim import DDIM

GRID = (4, 6)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_tokens_that_are_the_same_are_merged_without_loss(share: float) -> None:
    """Each cell of 2x2 holds one token four times."""
    cells = torch.randn(2, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    tokens = cells.repeat_interleave(2, 1).repeat_interleave(2, 2).reshape(2, 24, 5)
    merged, unmerge = merge(tokens, GRID, share)
    assert merged.shape == (2, 24 - round(24 * share), 5)
    assert torch.allclose(unmerge(merged), tokens, atol=1e-6)


def test_the_tokens_most_alike_are_averaged() -> None:
    tokens = torch.eye(24).repeat(1, 1, 1)
    tokens[0, 7] = tokens[0, 0] + 0.1 * tokens[0, 7]  # the lower right of the first cell is like its upper left
    merged, unmerge = merge(tokens, GRID, 1 / 24)
    back = unmerge(merged)
    expected = (tokens[0, 0] + tokens[0, 7]) / 2
    assert torch.allclose(back[0, 0], expected)
    assert torch.allclose(back[0, 7], expected)
    others = [one for one in range(24) if one not in (0, 7)]
    assert torch.equal(back[0, others], tokens[0, others])


def test_a_network_merges_only_while_it_is_told_to() -> None:
    torch.manual_seed(0)
    model = CatVTON((32, 24), **TINY).eval()
    latents, timestep = torch.randn(1, 9, 32, 12), torch.tensor(300)
    names, found = [*model.state_dict()], {}
    with torch.no_grad():
        for share in (0.0, 0.5, 0.25, 0.0):
            model.set_sampling(DDIM(merging=share))
            noise = model.denoiser()(latents, timestep)
            assert share not in found or torch.equal(found[share], noise)
            found[share] = noise
    assert (found[0.0] - found[0.5]).abs().max() > (found[0.0] - found[0.25]).abs().max() > 0
    assert [*model.state_dict()] == names
    assert [*copy.deepcopy(model).state_dict()] == names


def test_it_merges_where_there_are_the_most_tokens_also_where_the_way_down_attends_only_later() -> None:
    unet = {**TINY["unet"], "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"]}
    unet["up_block_types"] = ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]
    model = CatVTON((32, 24), **{**TINY, "unet": unet})
    model.set_sampling(DDIM(merging=0.5))
    merging = {
        name: layer.processor.grid
        for name, layer in self_attention(model.unet).items()
        if hasattr(layer.processor, "grid")
    }
    assert {name.partition(".attentions")[0] for name in merging} == {"up_blocks.1"}
    assert {*merging.values()} == {(32, 12)}


def test_an_odd_grid_is_one_line() -> None:
    model = CatVTON((32, 22), **TINY)
    with pytest.raises(ValueError, match=r"sampling.merging=0.5: the tokens' grid is 32x11, which can't be cut"):
        model.set_sampling(DDIM(merging=0.5))
