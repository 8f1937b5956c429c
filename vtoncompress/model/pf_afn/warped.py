"""The first half of a try-on call, as training sees it: a garment cut out and warped to what stands for a person."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from vtoncompress.model.pf_afn.flow import GridSample
from vtoncompress.model.pf_afn.warp import WarpNetwork
from vtoncompress.model.trace import Trace


class Warper(Protocol):
    """What a network must have: :class:`PFAFN` and :class:`ParserBased` do."""

    warp: WarpNetwork
    sample_mask: GridSample

    def grid_to_pixels(self, grid: Tensor) -> Tensor:
        """Sampling grid in -1..1 of any level -> pixels of the full picture."""


def trace_warp(network: Warper, condition: Tensor, garment: Tensor, garment_mask: Tensor) -> Trace:
    """Cut the garment out and warp it.

    Args:
        network: whose warp network is called.
        condition: (N, C, H, W), what its warp network takes for the person.
        garment: (N, 3, H, W) in -1..1.
        garment_mask: (N, 1, H, W) in 0..1.

    Returns:
        The warped garment for an image. ``inner`` has ``garment`` and ``garment_mask`` as they were cut out, ``warped``
        (N, 3, H, W) and ``warped_mask`` (N, 1, H, W).
    """
    mask = (garment_mask > 0.5).to(garment.dtype)
    cut_out = garment * mask
    pyramids = network.warp.pyramids(condition, cut_out)
    grids = network.warp.aflow_net(*pyramids)
    warped, warped_mask = network.warp.sample(cut_out, grids[-1]), network.sample_mask(mask, grids[-1])
    return Trace(
        image=warped,
        flows=[network.grid_to_pixels(grid) for grid in grids],
        features=[level for pyramid in pyramids for level in pyramid],
        inner={"garment": cut_out, "garment_mask": mask, "warped": warped, "warped_mask": warped_mask},
    )
