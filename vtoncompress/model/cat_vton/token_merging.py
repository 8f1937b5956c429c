"""Tokens that are alike go through self-attention as one (Bolya and Hoffman 2023), where there are the most tokens.

Of each cell of 2x2 tokens one stays; the others that are most like one of those that stay are averaged into it, and get
its result. The choice is made anew in every call, by the tokens themselves, so that nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.model.cat_vton.unet import self_attention

Block = Any  # of diffusers


def set_merging(unet: nn.Module, share: float, size: Sequence[int]) -> None:
    """Let self-attention of the UNet merge a ``share`` of its tokens from now on, in place; 0 lets it merge none.

    Args:
        unet: left with the same parameters under the same names.
        share: of the tokens, 0 to 0.75.
        size: (height, width) of the latents it is given.

    Raises:
        ValueError: the tokens' grid can't be cut into cells of 2x2.
    """
    level, layers = _largest(unet)
    height, width = (-(-side // 2**level) for side in size)
    if share and (height % 2 or width % 2):
        cell = 2 ** (level + 1)
        raise ValueError(
            f"sampling.merging={share}: the tokens' grid is {height}x{width}, which can't be cut into cells of 2x2; "
            f"use a model.size whose latents' sides are multiples of {cell}, or merging=0"
        )
    for layer in layers:
        inner = layer.processor.inner if isinstance(layer.processor, _Merging) else layer.processor
        layer.set_processor(_Merging(inner, (height, width), share) if share else inner)


def _largest(unet: nn.Module) -> tuple[int, list[Block]]:
    """How often the picture was halved where self-attention has the most tokens, and the layers at that size.

    The way down may have none there and the way up some.
    """
    blocks: Block = unet
    ways = (("down_blocks", [*blocks.down_blocks]), ("up_blocks", [*reversed(blocks.up_blocks)]))
    last = len(blocks.down_blocks) - 1
    level = min((n for _, way in ways for n, block in enumerate(way) if hasattr(block, "attentions")), default=last)
    places = (f"down_blocks.{level}.", f"up_blocks.{last - level}.")
    return level, [layer for name, layer in self_attention(unet).items() if name.startswith(places)]


class _Merging:
    """What diffusers calls an attention processor: ``inner``, given fewer tokens."""

    def __init__(self, inner: Any, grid: tuple[int, int], share: float) -> None:
        self.inner, self.grid, self.share = inner, grid, share

    def __call__(self, attention: nn.Module, hidden_states: Tensor, *others: Any, **named: Any) -> Tensor:
        merged, unmerge = merge(hidden_states, self.grid, self.share)
        return unmerge(self.inner(attention, merged, *others, **named))


def merge(tokens: Tensor, grid: tuple[int, int], share: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Fewer tokens, and what gives each token its part of their results back.

    Args:
        tokens: (N, height * width, C), row by row.
        grid: (height, width), both even.
        share: of the tokens to be merged into others, above 0, at most 0.75.
    """
    staying, leaving = _cells(grid, tokens.device)
    count, channels = round(share * grid[0] * grid[1]), tokens.shape[2]
    targets, sources = tokens[:, staying], tokens[:, leaving]
    alike, nearest = (F.normalize(sources, dim=-1) @ F.normalize(targets, dim=-1).transpose(1, 2)).max(-1)
    # Of all, for the graphs of other runtimes; the order within the merged and the others does not matter.
    order = alike.topk(len(leaving), dim=-1)[1]
    chosen, kept = order[:, :count], order[:, count:]
    into = nearest.gather(1, chosen)[..., None].expand(-1, -1, channels)
    moved = sources.gather(1, chosen[..., None].expand(-1, -1, channels))
    sums = targets.scatter_add(1, into, moved)
    counts = torch.ones_like(targets[..., :1]).scatter_add(1, into[..., :1], torch.ones_like(moved[..., :1]))
    left = sources.gather(1, kept[..., None].expand(-1, -1, channels))
    rank = torch.zeros_like(order).scatter(1, order, torch.arange(len(leaving)).to(order).expand_as(order))
    back = torch.cat([leaving, staying]).argsort()  # of constants

    def unmerge(results: Tensor) -> Tensor:
        """(N, fewer, C) -> (N, height * width, C)."""
        stayed = results[:, len(leaving) - count :]
        sorted_results = torch.cat([stayed.gather(1, into), results[:, : len(leaving) - count]], 1)
        left_results = sorted_results.gather(1, rank[..., None].expand(-1, -1, channels))
        return torch.cat([left_results, stayed], 1)[:, back]

    return torch.cat([left, sums / counts], 1), unmerge


def _cells(grid: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Places of the tokens that stay, the upper left of each cell, and of the others."""
    # As plain numbers: the graphs of other runtimes have no place for sizes that depend on values.
    places = [(row * grid[1] + column, row % 2 + column % 2) for row in range(grid[0]) for column in range(grid[1])]
    staying, leaving = ([place for place, odd in places if bool(odd) == moves] for moves in (False, True))
    return torch.tensor(staying, device=device), torch.tensor(leaving, device=device)
