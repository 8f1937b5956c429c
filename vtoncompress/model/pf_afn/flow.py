"""Appearance-flow network: from two feature pyramids to a sampling grid, coarse to fine."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.model.pf_afn.convention import Convention
from vtoncompress.model.pf_afn.correlation import DISPLACEMENT, Correlation
from vtoncompress.model.pf_afn.sampling import gathered_sample, is_gathered


class GridSample(nn.Module):
    """``grid_sample`` with channels-first grids, bilinear, as a module so that its cost is counted by name.

    Features with many channels are sampled by :func:`gathered_sample` in a graph for another runtime.
    """

    def __init__(self, align_corners: bool, padding_mode: str = "border") -> None:
        super().__init__()
        self.align_corners = align_corners
        self.padding_mode = padding_mode

    def forward(self, image: Tensor, grid: Tensor) -> Tensor:
        """(N, C, H, W) sampled at the (x, y) of (N, 2, H', W') in -1..1 -> (N, C, H', W')."""
        graph = torch.jit.is_tracing() or torch.compiler.is_exporting()
        if graph and self.padding_mode == "border" and is_gathered(int(image.shape[1])):
            return gathered_sample(image, grid, self.align_corners)
        return F.grid_sample(
            image,
            grid.permute(0, 2, 3, 1),
            mode="bilinear",
            padding_mode=self.padding_mode,
            align_corners=self.align_corners,
        )


def offset_to_grid(offset: Tensor) -> Tensor:
    """Offsets in pixels (N, 2, H, W) -> sampling grid (N, 2, H, W) in -1..1, scaled by (size - 1) / 2."""
    height, width = offset.shape[-2:]
    offset = offset.float()  # bfloat16 holds no fraction of a pixel beyond column 128
    x = torch.arange(width, dtype=offset.dtype, device=offset.device).view(1, 1, width).expand(1, height, width)
    y = torch.arange(height, dtype=offset.dtype, device=offset.device).view(1, height, 1).expand(1, height, width)
    half = offset.new_tensor([(width - 1) / 2, (height - 1) / 2]).view(1, 2, 1, 1)
    return (offset + torch.stack([x, y], dim=1)) / half - 1


def grid_to_pixels(grid: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Sampling grid (N, 2, h, w) in -1..1 of any level -> pixels of a picture of ``size`` (height, width).

    Pixel centres lie at whole numbers; ``align_corners`` is the convention that the grid samples under.
    """
    extent = grid.new_tensor([size[1], size[0]]).view(1, 2, 1, 1)
    return (grid + 1) / 2 * (extent - 1) if align_corners else ((grid + 1) * extent - 1) / 2


def _flow_head(channels_in: int, hidden: tuple[int, int, int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels_out in hidden:
        layers += [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.LeakyReLU(0.1)]
        channels_in = channels_out
    return nn.Sequential(*layers, nn.Conv2d(channels_in, 2, 3, padding=1))


class AppearanceFlow(nn.Module):
    """Flow read from each level's correlation, refined on the warped features, and passed on at twice the size.

    Args:
        pyramid: channels of each pyramid level.
        hidden: channels of the three hidden layers of each flow head.
        levels: pyramid levels.
        convention: correlation and sampling convention.
        correlation: which form computes it, see :mod:`vtoncompress.model.pf_afn.correlation.layer`.
    """

    def __init__(
        self, pyramid: int, hidden: tuple[int, int, int], levels: int, convention: Convention, correlation: str
    ) -> None:
        super().__init__()
        window = (2 * DISPLACEMENT + 1) ** 2
        self.netMain = nn.ModuleList(_flow_head(window, hidden) for _ in range(levels))
        self.netRefine = nn.ModuleList(_flow_head(2 * pyramid, hidden) for _ in range(levels))
        for head in (*self.netMain, *self.netRefine):
            # Training starts from the identity: garment and person already stand in the same place.
            nn.init.zeros_(head[-1].bias)
            head[-1].weight.data.mul_(0.1)
        self.correlation = Correlation(pyramid if convention.mean_correlation else 1, choice=correlation)
        self.sample = GridSample(convention.align_corners)

    def forward(self, garment: list[Tensor], person: list[Tensor]) -> list[Tensor]:
        """Pyramids, finest level first, (N, C, H / 2^(i+1), W / 2^(i+1)).

        Returns:
            One grid a level, coarsest first, each twice its level's size; the last (N, 2, H, W) warps the garment.
        """
        grids: list[Tensor] = []
        for level, (main, refine) in enumerate(zip(self.netMain, self.netRefine, strict=True)):
            garment_feature, person_feature = garment[-1 - level], person[-1 - level]
            warped = self.sample(garment_feature, grids[-1]) if grids else garment_feature
            cost = F.leaky_relu(self.correlation(warped, person_feature), 0.1)
            grid = offset_to_grid(main(cost))
            if grids:
                grid = self.sample(grids[-1], grid)
            warped = self.sample(garment_feature, grid)
            step = offset_to_grid(refine(torch.cat([warped, person_feature], 1)))
            grid = self.sample(grid, step)
            grids.append(F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False))
        return grids
