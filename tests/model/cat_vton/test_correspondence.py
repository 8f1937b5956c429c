"""Attention is held to the true flow: nothing is lost where it looks there, and all where it looks elsewhere."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from tests.model.cat_vton.test_loss import two
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.correspondence import attended, correspondence

ROWS, COLUMNS, SIDE = 4, 3, 8
TOKENS = 2 * ROWS * COLUMNS
SHIFT = 1.25
"""Tokens by which the garment lies to the right of where it is worn."""


class _Looks(nn.Module):
    """One head that looks from the picture's token p at ``targets[p]`` alone, with all of its ``sharpness``."""

    def __init__(self, targets: list[int], sharpness: float) -> None:
        super().__init__()
        self.matrix = torch.zeros(TOKENS, TOKENS)
        self.matrix[range(len(targets)), targets] = sharpness

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens @ self.matrix


def _flow(shift: float) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(ROWS * SIDE), torch.arange(COLUMNS * SIDE), indexing="ij")
    region = torch.zeros(1, 1, ROWS * SIDE, COLUMNS * SIDE)
    region[..., SIDE:, :SIDE] = 1  # the first column but for its first token
    return torch.stack([x + shift * SIDE, y]).float()[None], region


def _lost(targets: list[int], sharpness: float, shift: float, shown: bool = True) -> float:
    layer = SimpleNamespace(heads=1, scale=1.0, to_q=_Looks(targets, sharpness), to_k=nn.Identity())
    flow, region = _flow(shift)
    given = torch.eye(TOKENS)[None]
    return correspondence([(layer, given)], flow, region, torch.tensor([shown])).item()


def test_to_look_where_the_flow_says_costs_nothing() -> None:
    right = [(ROWS * COLUMNS + token + 1) % TOKENS for token in range(ROWS * COLUMNS)]
    wrong = [token + ROWS * COLUMNS for token in range(ROWS * COLUMNS)]
    assert _lost(right, 50.0, 1.0) == pytest.approx(0, abs=1e-4)
    assert _lost(wrong, 50.0, 1.0) > 10
    assert _lost(right, 0.0, 1.0) == pytest.approx(math.log(TOKENS), abs=1e-4)
    # Between two tokens each of them counts by its share.
    assert _lost(right, 50.0, SHIFT) == pytest.approx(-math.log(2 - SHIFT), abs=1e-3)


def test_a_sample_without_its_garment_teaches_nothing() -> None:
    assert _lost([0] * (ROWS * COLUMNS), 50.0, 1.0, shown=False) == 0


def test_layers_on_the_way_up_are_taught_and_watched_only_while_it_runs(
    fresh: CatVTON, batch: dict[str, Tensor]
) -> None:
    pairs = {**batch, "region": torch.ones_like(batch["agnostic_mask"])}
    height, width = batch["person"].shape[2:]
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    pairs["flow"] = torch.stack([x, y]).expand(len(batch["person"]), -1, -1, -1)
    found = fresh.losses(two(pairs, 4, 5), {"correspondence": 1.0})
    assert [*found] == ["correspondence"]
    found["correspondence"].backward()
    taught = {name for name, parameter in fresh.named_parameters() if parameter.grad is not None and "attn1" in name}
    assert any("up_blocks" in name and "to_q" in name for name in taught)
    with attended(fresh.unet) as seen:
        pass
    fresh.losses(two(batch, 4, 5), {"noise": 1.0})
    assert seen == []
