"""Local correlation of two feature maps: the cost volume an appearance flow is read from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DISPLACEMENT = 3


def correlation(first: Tensor, second: Tensor, displacement: int = DISPLACEMENT) -> Tensor:
    """Sum over channels of ``first`` times ``second`` shifted by up to ``displacement`` pixels each way.

    Args:
        first, second: (N, C, H, W).
        displacement: d, so that the window is (2d + 1) x (2d + 1), rows first.

    Returns:
        (N, (2d + 1)^2, H, W); outside the picture ``second`` counts as zero.
    """
    height, width = first.shape[-2:]
    padded = F.pad(second, [displacement] * 4)
    window = range(2 * displacement + 1)
    return torch.stack(
        [(first * padded[..., y : y + height, x : x + width]).sum(1) for y in window for x in window], dim=1
    )


def banded_correlation(first: Tensor, second: Tensor, displacement: int = DISPLACEMENT, block: int = 12) -> Tensor:
    """:func:`correlation` as matrix products, in half its time, for exported graphs and for training.

    A row of ``first`` is cut into blocks of columns. One product compares a block with all columns in its reach, and
    the wanted pairs are a diagonal band of the result. Products that the band leaves unused are cheaper than 49 passes
    over memory.

    Args:
        first, second, displacement: as in :func:`correlation`.
        block: columns a block; 8 to 24 differ by less than a tenth, 12 divides the widths of common sizes.
    """
    samples, channels, height, width = first.shape
    window = 2 * displacement + 1
    block = min(block, width)
    blocks = -(-width // block)
    reach = block + 2 * displacement
    spare = blocks * block - width
    rows = F.pad(first, [0, spare]).reshape(samples, channels, height, blocks, block).permute(0, 2, 3, 4, 1)
    columns = (torch.arange(blocks)[:, None] * block + torch.arange(reach)).flatten().to(second.device)
    padded = F.pad(second, [displacement, displacement + spare, displacement, displacement])
    reached = torch.index_select(padded, 3, columns)
    reached = reached.reshape(samples, channels, height + 2 * displacement, blocks, reach).permute(0, 2, 3, 1, 4)
    products = torch.stack([rows @ reached[:, y : y + height] for y in range(window)], dim=1)
    # Row i of a product holds its band from column i on. Read with rows one longer, every band starts in column 0.
    flat = F.pad(products.reshape(samples, window, height, blocks, block * reach), [0, block])
    band = flat.reshape(samples, window, height, blocks, block, reach + 1)[..., :window]
    return band.permute(0, 1, 5, 2, 3, 4).reshape(samples, window**2, height, blocks * block)[..., :width]


class Correlation(nn.Module):
    """:func:`correlation` over a divisor, as a module, so that its cost is counted by name.

    The divisor is a constant, not the channel count met at run time: a pruned network must weigh the channels that
    are left as the dense one did.
    """

    def __init__(self, divisor: int, displacement: int = DISPLACEMENT) -> None:
        super().__init__()
        self.divisor = divisor
        self.displacement = displacement

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        # Autocast leaves the two in different precisions; the products want one.
        first = (first / self.divisor).to(second.dtype)
        # The loop stays the definition and what eager PyTorch runs; a test holds both to the same result.
        special = torch.is_grad_enabled() or torch.jit.is_tracing() or torch.compiler.is_exporting()
        return (banded_correlation if special else correlation)(first, second, self.displacement)
