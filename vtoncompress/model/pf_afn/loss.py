"""What PF-AFN can be trained to minimise: distances to a known truth, and the terms of its paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from vtoncompress.model.pf_afn.multi_level import Distance, multi_level, to_level_pixels, to_offsets, warp_levels
from vtoncompress.model.pf_afn.smoothness import second_order_smoothness, total_variation
from vtoncompress.model.trace import Trace

CHANGE_EMPHASIS = 3.0  # a pixel that goes from black to white counts 1 + 2 * 3 times
Batch = Mapping[str, Tensor]


def flow_distance(flows: Sequence[Tensor], flow: Tensor, region: Tensor) -> Tensor:
    """Sum over levels of the distance |x| + |y| to the true flow where the garment is visible, in pixels."""
    distance = flow.new_zeros(())
    for pixels in flows:
        visible = F.interpolate(region, size=pixels.shape[-2:], mode="area") > 0.5
        # Averaging over the visible pixels only keeps coordinates of the unseen background out of coarse levels.
        share = F.interpolate(region, size=pixels.shape[-2:], mode="area").clamp_min(1e-3)
        target = F.interpolate(flow * region, size=pixels.shape[-2:], mode="area") / share
        error = (pixels - target).abs().sum(1, keepdim=True)
        distance = distance + (error * visible).sum() / (visible.sum() + 1)
    return distance


def roughness(flows: Sequence[Tensor]) -> Tensor:
    """Sum over levels of the mean second difference along x and along y, in pixels of the level."""
    total = flows[-1].new_zeros(())
    for level, pixels in enumerate(flows):
        scale = 0.5 ** (len(flows) - 1 - level)
        curve_x = pixels[..., 2:] - 2 * pixels[..., 1:-1] + pixels[..., :-2]
        curve_y = pixels[..., 2:, :] - 2 * pixels[..., 1:-1, :] + pixels[..., :-2, :]
        total = total + curve_x.abs().mean() * scale + curve_y.abs().mean() * scale
    return total


def warped_distance(warped: Tensor, truth: Tensor, region: Tensor) -> Tensor:
    """L1 where the garment is visible."""
    return ((warped - truth).abs() * region).sum() / (3 * region.sum() + 1)


def changed_distance(image: Tensor, truth: Tensor, person: Tensor) -> Tensor:
    """L1 with an emphasis on what must change.

    That is a small part of a picture whose rest the network can copy: the old garment would stay.
    """
    emphasis = 1 + CHANGE_EMPHASIS * (truth - person).abs().mean(1, keepdim=True)
    return ((image - truth).abs() * emphasis).mean()


def structural_similarity(first: Tensor, second: Tensor, window: int = 7) -> Tensor:
    """SSIM map (N, C, H - 6, W - 6) of pictures in -1..1 with a uniform window (Wang et al., 2004)."""
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    mean_1, mean_2 = F.avg_pool2d(first, window, 1), F.avg_pool2d(second, window, 1)
    variance_1 = F.avg_pool2d(first * first, window, 1) - mean_1**2
    variance_2 = F.avg_pool2d(second * second, window, 1) - mean_2**2
    covariance = F.avg_pool2d(first * second, window, 1) - mean_1 * mean_2
    numerator = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    return numerator / ((mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2))


def multi_level_garment(distance: Distance, trace: Trace, batch: Batch) -> Tensor:
    """The garment warped by each level's flow, against what is seen of it in the truth."""
    return multi_level(distance, warp_levels(trace.inner["garment"], trace.flows), batch["truth"] * batch["region"])


def multi_level_mask(trace: Trace, batch: Batch) -> Tensor:
    """L1 of the garment's mask warped by each level's flow, against where it is seen in the truth."""
    masks = warp_levels(trace.inner["garment_mask"], trace.flows, padding_mode="zeros")
    return multi_level(F.l1_loss, masks, batch["region"])


TERMS: Mapping[str, Callable[[Trace, Batch, Any], Tensor]] = {
    "flow": lambda trace, batch, _: flow_distance(trace.flows, batch["flow"], batch["region"]),
    "roughness": lambda trace, batch, _: roughness(trace.flows),
    "warped": lambda trace, batch, _: warped_distance(trace.inner["warped"], batch["truth"], batch["region"]),
    "image": lambda trace, batch, _: changed_distance(trace.image, batch["truth"], batch["person"]),
    "structure": lambda trace, batch, _: (1 - structural_similarity(trace.image, batch["truth"])).mean(),
    "weight": lambda trace, batch, _: F.l1_loss(trace.inner["weight"], batch["region"]),
    # Those of Ge et al., CVPR 2021: of the warp, section 3.2, and of the result, section 3.3.
    "multi_level_warped": lambda trace, batch, _: multi_level_garment(F.l1_loss, trace, batch),
    "multi_level_mask": lambda trace, batch, _: multi_level_mask(trace, batch),
    "perceptual_warped": lambda trace, batch, perceptual: multi_level_garment(perceptual, trace, batch),
    "second_order": lambda trace, batch, _: second_order_smoothness(to_level_pixels(trace.flows)),
    "total_variation": lambda trace, batch, _: total_variation(to_offsets(trace.flows)),
    "result": lambda trace, batch, _: F.l1_loss(trace.image, batch["truth"]),
    "perceptual_result": lambda trace, batch, perceptual: perceptual(trace.image, batch["truth"]),
}
"""Scalars by name; docs/training.md has their formulas."""


def weighted_terms(
    trace: Trace, batch: Batch, weights: Mapping[str, float], perceptual: Distance | None
) -> dict[str, Tensor]:
    """Those of :data:`TERMS` that have a weight, times it; arguments as for :meth:`TryOnModel.loss`."""
    chosen = {name: term for name, term in TERMS.items() if weights.get(name)}
    return {name: term(trace, batch, perceptual) * weights[name] for name, term in chosen.items()}
