"""Training loss of PF-AFN against a known truth: flow, warped garment, blending weight and finished picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from vtoncompress.model.pf_afn.pf_afn import PFAFN

CHANGE_EMPHASIS = 3.0  # a pixel that goes from black to white counts 1 + 2 * 3 times


def try_on_loss(model: PFAFN, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The sum's terms; ``batch`` as in :meth:`vtoncompress.model.base.TryOnModel.loss`."""
    person, truth, region = batch["person"], batch["truth"], batch["region"]
    warped, warped_mask, grids = model.warp_garment(person, batch["garment"], batch["garment_mask"])
    image, weight = model.finish(person, warped, warped_mask)
    # What must change is a small part of a picture whose rest the network can copy: the old garment would stay.
    emphasis = 1 + CHANGE_EMPHASIS * (truth - person).abs().mean(1, keepdim=True)
    return {
        **flow_loss(model, grids, batch["flow"], region),
        "warped": ((warped - truth).abs() * region).sum() / (3 * region.sum() + 1),
        "image": ((image - truth).abs() * emphasis).mean() * 2,
        "structure": (1 - structural_similarity(image, truth)).mean(),
        "weight": F.l1_loss(weight, region) * 0.2,
    }


def flow_loss(model: PFAFN, grids: list[Tensor], flow: Tensor, region: Tensor) -> dict[str, Tensor]:
    """Distance to the true flow where the garment is visible, in pixels, and roughness everywhere, for every level."""
    distance, roughness = flow.new_zeros(()), flow.new_zeros(())
    for level, grid in enumerate(grids):
        scale = 0.5 ** (len(grids) - 1 - level)
        visible = F.interpolate(region, size=grid.shape[-2:], mode="area") > 0.5
        # Averaging over the visible pixels only keeps coordinates of the unseen background out of coarse levels.
        share = F.interpolate(region, size=grid.shape[-2:], mode="area").clamp_min(1e-3)
        target = F.interpolate(flow * region, size=grid.shape[-2:], mode="area") / share
        pixels = model.grid_to_pixels(grid)
        error = (pixels - target).abs().sum(1, keepdim=True)
        distance = distance + (error * visible).sum() / (visible.sum() + 1)
        curve_x = pixels[..., 2:] - 2 * pixels[..., 1:-1] + pixels[..., :-2]
        curve_y = pixels[..., 2:, :] - 2 * pixels[..., 1:-1, :] + pixels[..., :-2, :]
        roughness = roughness + curve_x.abs().mean() * scale + curve_y.abs().mean() * scale
    return {"flow": distance * 0.05, "roughness": roughness * 0.01}


def structural_similarity(first: Tensor, second: Tensor, window: int = 7) -> Tensor:
    """SSIM map (N, C, H - 6, W - 6) of pictures in -1..1 with a uniform window (Wang et al., 2004)."""
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    mean_1, mean_2 = F.avg_pool2d(first, window, 1), F.avg_pool2d(second, window, 1)
    variance_1 = F.avg_pool2d(first * first, window, 1) - mean_1**2
    variance_2 = F.avg_pool2d(second * second, window, 1) - mean_2**2
    covariance = F.avg_pool2d(first * second, window, 1) - mean_1 * mean_2
    numerator = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    return numerator / ((mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2))
