"""Where self-attention looks for what a place shows of the garment, held to the flow that is known of drawn pairs.

To copy a garment is to find the place of each of its points. The noise alone teaches that late; the true flow at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.model.cat_vton.unet import self_attention

WAY_UP = "up_blocks."
"""Of the layers on it, which have seen both halves whole before, half of the heads are taught."""
ENOUGH = 0.5
"""A token shows the garment if so much of its pixels does."""


@contextmanager
def attended(unet: nn.Module) -> Iterator[list[tuple[Any, Tensor]]]:
    """A list that is filled, while the UNet runs once, with the taught layers and what each is given (N, tokens, C)."""
    seen: list[tuple[Any, Tensor]] = []

    def keep(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append((layer, given[0]))

    layers = (layer for name, layer in self_attention(unet).items() if name.startswith(WAY_UP))
    handles = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def correspondence(seen: list[tuple[Any, Tensor]], flow: Tensor, region: Tensor, shown: Tensor) -> Tensor:
    """Mean negative log-likelihood of the true place in the garment, over layers, taught heads and places, ().

    Args:
        seen: of :func:`attended`.
        flow: (N, 2, H, W), for each pixel of the picture the (x, y) in the garment that it shows, in pixels.
        region: (N, 1, H, W) in 0..1, how much of a pixel is the garment.
        shown: (N,), whether a sample has its garment; others teach nothing.
    """
    height, width = region.shape[2:]
    losses = []
    for layer, given in seen:
        # Tokens are square, and both halves lie one above the other.
        side = round((2 * height * width / given.shape[1]) ** 0.5)
        indices, shares, taught = _places(flow, region, side)
        taught = taught & shown.view(-1, 1)
        likelihood = _attention(layer, given, taught.shape[1])
        found = likelihood.gather(-1, indices.unsqueeze(1).expand(-1, likelihood.shape[1], -1, -1))
        unlikely = -(found * shares.unsqueeze(1)).sum(-1).clamp(min=1e-6).log().mean(1)
        losses.append((unlikely * taught).sum() / taught.sum().clamp(min=1))
    return torch.stack(losses).mean()


def _places(flow: Tensor, region: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of each of the P tokens of ``side`` pixels in the picture: the four tokens of the garment that it shows, by place
    among all (N, P, 4); their shares, bilinear (N, P, 4); and whether it shows the garment (N, P)."""
    rows, columns = region.shape[2] // side, region.shape[3] // side
    share = F.avg_pool2d(region, side)
    x, y = ((F.avg_pool2d(flow * region, side) / share.clamp(min=1e-6) + 0.5) / side - 0.5).flatten(2).unbind(1)
    x, y = x.clamp(0, columns - 1), y.clamp(0, rows - 1)
    left, top = x.floor().clamp(max=columns - 2), y.floor().clamp(max=rows - 2)
    right, below = x - left, y - top
    first = (rows + top.long()) * columns + left.long()
    indices = torch.stack([first, first + 1, first + columns, first + columns + 1], -1)
    shares = [(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below]
    return indices, torch.stack(shares, -1), share.flatten(1) >= ENOUGH


def _attention(layer: Any, given: Tensor, count: int) -> Tensor:
    """(N, taught heads, P, tokens): by how much each of the first ``count`` tokens looks at each one."""
    heads = max(1, layer.heads // 2)
    queries, keys = (
        project(tokens).float().unflatten(-1, (layer.heads, -1))[:, :, :heads].transpose(1, 2)
        for project, tokens in ((layer.to_q, given[:, :count]), (layer.to_k, given))
    )
    return (layer.scale * queries @ keys.transpose(2, 3)).softmax(-1)
