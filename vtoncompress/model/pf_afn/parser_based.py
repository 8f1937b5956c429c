"""The parser-based try-on network, PF-AFN's teacher: it sees a person's representation in place of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.convention import find_convention
from vtoncompress.model.pf_afn.flow import GridSample
from vtoncompress.model.pf_afn.generator import CHANNELS_IN, Generator, blend
from vtoncompress.model.pf_afn.pf_afn import check_shape
from vtoncompress.model.pf_afn.representation import CHANNELS
from vtoncompress.model.pf_afn.warp import WarpNetwork


class ParserBased(Network):
    """Warp network and generator on pose, body and kept regions (Ge et al., CVPR 2021, section 3.1).

    What is kept is copied, and the generator draws the rest.

    Args:
        width, size, convention: as for :class:`vtoncompress.model.pf_afn.PFAFN`.

    Raises:
        ValueError: a size or a width that the network can't have.
    """

    def __init__(self, width: float, size: Sequence[int], convention: str = "official") -> None:
        super().__init__()
        check_shape(width, size)
        rule = find_convention(convention)
        self.width, self.convention = width, convention
        self.size = (size[0], size[1])
        self.warp = WarpNetwork(width, rule, condition_channels=CHANNELS)
        self.generator = Generator(width, channels_in=CHANNELS_IN + CHANNELS)
        self.sample_mask = GridSample(rule.align_corners, padding_mode="zeros")

    def arguments(self) -> dict[str, Any]:
        return {"width": self.width, "size": list(self.size), "convention": self.convention}

    def finish(
        self, person: Tensor, representation: Tensor, warped: Tensor, warped_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Picture (N, 3, H, W) in -1..1 and the weight (N, 1, H, W) that the warped garment has in it.

        Args:
            person: (N, 3, H, W) in -1..1; only what is kept of it is looked at.
            representation: (N, 44, H, W), see :func:`vtoncompress.model.pf_afn.representation.represent`.
            warped, warped_mask: (N, 3, H, W) and (N, 1, H, W).
        """
        kept = representation[:, -1:]
        output = self.generator(torch.cat([person * kept, warped, warped_mask, representation], 1))
        image, weight = blend(output, warped, warped_mask)
        return kept * person + (1 - kept) * image, weight * (1 - kept)

    def forward(
        self, person: Tensor, representation: Tensor, garment: Tensor, garment_mask: Tensor
    ) -> dict[str, Tensor]:
        """The person in the garment, ``image`` (N, 3, H, W) in -1..1. Arguments as for :meth:`finish`."""
        warped, warped_mask, _ = self.warp_garment(representation, garment, garment_mask)
        return {"image": self.finish(person, representation, warped, warped_mask)[0]}
