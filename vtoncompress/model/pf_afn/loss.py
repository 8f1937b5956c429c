"""What PF-AFN can be trained to minimise: terms of a known truth, and those of the paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.model.pf_afn.flow import GridSample
from vtoncompress.model.pf_afn.multi_level import Distance, multi_level, warp_levels
from vtoncompress.model.pf_afn.smoothness import second_order_smoothness, total_variation
from vtoncompress.model.trace import Trace

CHANGE_EMPHASIS = 3.0  # a pixel that goes from black to white counts 1 + 2 * 3 times
Batch = Mapping[str, Tensor]


def flow_distance(trace: Trace, batch: Batch) -> Tensor:
    """Sum over levels of the distance in pixels, |x| + |y|, to the true flow where the garment is visible."""
    flow, region = batch["flow"], batch["region"]
    distance = flow.new_zeros(())
    for pixels in trace.flows:
        visible = F.interpolate(region, size=pixels.shape[-2:], mode="area") > 0.5
        # Averaging over the visible pixels only keeps coordinates of the unseen background out of coarse levels.
        share = F.interpolate(region, size=pixels.shape[-2:], mode="area").clamp_min(1e-3)
        target = F.interpolate(flow * region, size=pixels.shape[-2:], mode="area") / share
        error = (pixels - target).abs().sum(1, keepdim=True)
        distance = distance + (error * visible).sum() / (visible.sum() + 1)
    return distance


def roughness(trace: Trace) -> Tensor:
    """Sum over levels of the mean second difference of the flow along x and along y, in pixels of the level."""
    total = trace.image.new_zeros((), dtype=torch.float32)
    for level, pixels in enumerate(trace.flows):
        scale = 0.5 ** (len(trace.flows) - 1 - level)
        curve_x = pixels[..., 2:] - 2 * pixels[..., 1:-1] + pixels[..., :-2]
        curve_y = pixels[..., 2:, :] - 2 * pixels[..., 1:-1, :] + pixels[..., :-2, :]
        total = total + curve_x.abs().mean() * scale + curve_y.abs().mean() * scale
    return total


def changed_picture(trace: Trace, batch: Batch) -> Tensor:
    """L1 of the picture with an emphasis on what must change.

    That is a small part of a picture whose rest the network can copy: the old garment would stay.
    """
    truth = batch["truth"]
    emphasis = 1 + CHANGE_EMPHASIS * (truth - batch["person"]).abs().mean(1, keepdim=True)
    return ((trace.image - truth).abs() * emphasis).mean()


def warped_distance(trace: Trace, batch: Batch) -> Tensor:
    """L1 of the warped garment where it is visible."""
    region = batch["region"]
    return ((trace.inner["warped"] - batch["truth"]).abs() * region).sum() / (3 * region.sum() + 1)


def structural_similarity(first: Tensor, second: Tensor, window: int = 7) -> Tensor:
    """SSIM map (N, C, H - 6, W - 6) of pictures in -1..1 with a uniform window (Wang et al., 2004)."""
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    mean_1, mean_2 = F.avg_pool2d(first, window, 1), F.avg_pool2d(second, window, 1)
    variance_1 = F.avg_pool2d(first * first, window, 1) - mean_1**2
    variance_2 = F.avg_pool2d(second * second, window, 1) - mean_2**2
    covariance = F.avg_pool2d(first * second, window, 1) - mean_1 * mean_2
    numerator = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    return numerator / ((mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2))


def level_warps(trace: Trace, name: str, sample: GridSample) -> list[Tensor]:
    """The garment, or its mask, as the flow of each level warps it."""
    return warp_levels(sample, trace.inner[name], trace.inner["grids"])


def offsets(trace: Trace) -> list[Tensor]:
    """How far from itself each pixel of each level looks, in pixels of that level."""
    found = []
    for level, pixels in enumerate(trace.flows):
        step = 2.0 ** (len(trace.flows) - 1 - level)
        height, width = pixels.shape[-2:]
        y, x = torch.meshgrid(
            torch.arange(height, device=pixels.device), torch.arange(width, device=pixels.device), indexing="ij"
        )
        # The centre of a level's pixel lies between those of the finest level that it covers.
        found.append((pixels - (step - 1) / 2) / step - torch.stack([x, y]))
    return found
