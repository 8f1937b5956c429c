"""The parser-based try-on network, PF-AFN's teacher: it sees a person's representation in place of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.convention import find_convention
from vtoncompress.model.pf_afn.correlation.layer import FASTEST
from vtoncompress.model.pf_afn.flow import GridSample, grid_to_pixels
from vtoncompress.model.pf_afn.generator import CHANNELS_IN, Generator, blend
from vtoncompress.model.pf_afn.pf_afn import check_shape
from vtoncompress.model.pf_afn.representation import CHANNELS
from vtoncompress.model.pf_afn.warp import WarpNetwork
from vtoncompress.model.pf_afn.warped import trace_warp
from vtoncompress.model.trace import Trace


class ParserBased(Network):
    """Warp network and generator on pose, body and kept regions (Ge et al., CVPR 2021, section 3.1).

    What is kept is copied, and the generator draws the rest.

    Args:
        width, size, convention: as for :class:`vtoncompress.model.pf_afn.PFAFN`.

    Raises:
        ValueError: a size or a width that the network can't have.
    """

    def __init__(
        self, width: float, size: Sequence[int], convention: str = "official", correlation: str = FASTEST
    ) -> None:
        super().__init__()
        check_shape(width, size)
        rule = find_convention(convention)
        self.width, self.convention = width, convention
        self.size = (size[0], size[1])
        self.align_corners = rule.align_corners
        self.warp = WarpNetwork(width, rule, CHANNELS, correlation)
        self.generator = Generator(width, channels_in=CHANNELS_IN + CHANNELS)
        self.sample_mask = GridSample(rule.align_corners, padding_mode="zeros")

    def arguments(self) -> dict[str, Any]:
        return {"width": self.width, "size": list(self.size), "convention": self.convention}

    def grid_to_pixels(self, grid: Tensor) -> Tensor:
        """Sampling grid (N, 2, h, w) in -1..1 of any level -> pixels of the full picture, centres at whole numbers."""
        return grid_to_pixels(grid, self.size, self.align_corners)

    def forward(self, person: Tensor, representation: Tensor, garment: Tensor, garment_mask: Tensor) -> Trace:
        """The person in the garment, with what training looks at.

        Args:
            person: (N, 3, H, W) in -1..1, of which only what is kept is looked at.
            representation: (N, 44, H, W), see :func:`vtoncompress.model.pf_afn.representation.represent`.
            garment: (N, 3, H, W) in -1..1.
            garment_mask: (N, 1, H, W) in 0..1.
        """
        trace = trace_warp(self, representation, garment, garment_mask)
        warped, warped_mask = trace.inner["warped"], trace.inner["warped_mask"]
        kept = representation[:, -1:]
        output = self.generator(torch.cat([person * kept, warped, warped_mask, representation], 1))
        image, weight = blend(output, warped, warped_mask)
        image, weight = kept * person + (1 - kept) * image, weight * (1 - kept)
        return replace(trace, image=image, inner={**trace.inner, "weight": weight})
