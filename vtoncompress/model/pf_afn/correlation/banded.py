"""Correlation as ordinary graph operations: blocks of pixels against all pixels in reach, in one matrix product."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.model.pf_afn.correlation.loop import DISPLACEMENT

BLOCK = (8, 8)
"""Rows and columns of a block.

64 pixels fill four vectors of 512 bits. Of 7 shapes of blocks this one was the fastest in OpenVINO: larger ones waste
more of the product, flatter ones copy more of ``second``.
"""


def banded_correlation(
    first: Tensor, second: Tensor, displacement: int = DISPLACEMENT, block: tuple[int, int] = BLOCK
) -> Tensor:
    """:func:`~vtoncompress.model.pf_afn.correlation.loop.correlation` as one batch of matrix products.

    The pictures are cut into blocks. A product compares each pixel of a block with each pixel in the block's reach;
    what is wanted of it is a band, (2d + 1)^2 of the numbers of each pixel, which is gathered by a constant index.
    Products that the band leaves unused are cheaper than 49 passes over memory.

    Args:
        first, second, displacement: as there.
        block: its rows and columns, at most those of the picture.
    """
    samples, channels, height, width = (int(extent) for extent in first.shape)
    window = 2 * displacement + 1
    rows, columns = min(block[0], height), min(block[1], width)
    down, across = -(-height // rows), -(-width // columns)
    tall, wide = down * rows, across * columns
    # Rows of channels are copied whole; what a block has beyond the picture is some pixel's, and cut off at the end.
    own = _own(down, rows, across, columns, height, width).to(first.device)
    blocks = torch.index_select(first.permute(0, 2, 3, 1).flatten(1, 2), 1, own.flatten())
    # Padded before it is turned: convolutions leave pixels in one piece, and OpenVINO then turns neither map.
    margin = [displacement, displacement + wide - width, displacement, displacement + tall - height]
    pixels = F.pad(second, margin).permute(0, 2, 3, 1).flatten(1, 2)
    reached = _reach(down, rows, across, columns, displacement).to(second.device)
    # The second factor is turned before it is multiplied, so that the smaller one is.
    products = torch.matmul(
        torch.index_select(pixels, 1, reached.flatten()).reshape(samples, down, across, reached.shape[-1], channels),
        blocks.reshape(samples, down, across, rows * columns, channels).transpose(-1, -2),
    )
    band = torch.index_select(products.flatten(3), 3, _band(rows, columns, displacement).to(second.device))
    band = band.reshape(samples, down, across, window**2, rows, columns).permute(0, 3, 1, 4, 2, 5)
    return band.reshape(samples, window**2, tall, wide)[..., :height, :width]


def _own(down: int, rows: int, across: int, columns: int, height: int, width: int) -> Tensor:
    """Places in the picture of the pixels of each block, (blocks, rows x columns); beyond the rim the rim's."""
    y = (torch.arange(down)[:, None] * rows + torch.arange(rows)).clamp(max=height - 1)
    x = (torch.arange(across)[:, None] * columns + torch.arange(columns)).clamp(max=width - 1)
    return (y[:, None, :, None] * width + x[None, :, None, :]).flatten(0, 1).flatten(1)


def _reach(down: int, rows: int, across: int, columns: int, displacement: int) -> Tensor:
    """Places of the pixels that each block reaches in the padded picture, (blocks, rows' x columns')."""
    y = torch.arange(down)[:, None] * rows + torch.arange(rows + 2 * displacement)
    x = torch.arange(across)[:, None] * columns + torch.arange(columns + 2 * displacement)
    stride = across * columns + 2 * displacement
    return (y[:, None, :, None] * stride + x[None, :, None, :]).flatten(0, 1).flatten(1)


def _band(rows: int, columns: int, displacement: int) -> Tensor:
    """Places, by displacement and then by pixel, in the product of what a block reaches with its pixels."""
    window = 2 * displacement + 1
    dy, dx, y, x = torch.meshgrid(*map(torch.arange, (window, window, rows, columns)), indexing="ij")
    reached = (y + dy) * (columns + 2 * displacement) + x + dx
    return (reached * rows * columns + y * columns + x).flatten()
