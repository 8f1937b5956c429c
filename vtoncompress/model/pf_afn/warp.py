"""PF-AFN's warp network: a garment deformed to fit a person."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vtoncompress.model.pf_afn.convention import Convention
from vtoncompress.model.pf_afn.correlation.layer import FASTEST
from vtoncompress.model.pf_afn.flow import AppearanceFlow, GridSample
from vtoncompress.model.pf_afn.pyramid import FeatureEncoder, FeaturePyramid

ENCODER_CHANNELS = (64, 128, 256, 256, 256)
PYRAMID_CHANNELS = 256
FLOW_CHANNELS = (128, 64, 32)


class WarpNetwork(nn.Module):
    """Two encoders, two pyramids and the appearance-flow network (Ge et al., CVPR 2021, section 3.2).

    ``image_*`` sees the garment and ``cond_*`` the person, as in the published checkpoints.

    Args:
        width: factor on all channel counts; 1 is the published network.
        convention: correlation and sampling convention.
        condition_channels: of what stands for the person: 3 for its picture.
        correlation: which form computes it, see :mod:`vtoncompress.model.pf_afn.correlation.layer`.
    """

    def __init__(
        self, width: float, convention: Convention, condition_channels: int = 3, correlation: str = FASTEST
    ) -> None:
        super().__init__()
        encoder = tuple(round(width * c) for c in ENCODER_CHANNELS)
        pyramid = round(width * PYRAMID_CHANNELS)
        first, second, third = (round(width * c) for c in FLOW_CHANNELS)
        self.image_features = FeatureEncoder(encoder)
        self.cond_features = FeatureEncoder(encoder, condition_channels)
        self.image_FPN = FeaturePyramid(encoder, pyramid)
        self.cond_FPN = FeaturePyramid(encoder, pyramid)
        self.aflow_net = AppearanceFlow(pyramid, (first, second, third), len(encoder), convention, correlation)
        self.sample = GridSample(convention.align_corners)

    def forward(self, person: Tensor, garment: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Pictures (N, 3, H, W) in -1..1, H and W multiples of 32; the person's may have other channels.

        Returns:
            The warped garment (N, 3, H, W), and the grids of :class:`AppearanceFlow`, the finest last.
        """
        grids = self.aflow_net(*self.pyramids(person, garment))
        return self.sample(garment, grids[-1]), grids

    def pyramids(self, person: Tensor, garment: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Those of the garment and of the person, finest level first."""
        return self.image_FPN(self.image_features(garment)), self.cond_FPN(self.cond_features(person))

    def dependency_outputs(self, person: Tensor, garment: Tensor) -> list[Tensor]:
        """As :meth:`forward` for tracing: correlation ties both pyramids' channels, and grids pass nothing on."""
        outputs = []
        pyramids = self.pyramids(person, garment)
        flow = self.aflow_net
        for main, refine, *features in zip(flow.netMain, flow.netRefine, *map(reversed, pyramids), strict=True):
            garment_feature, person_feature = features
            cost = garment_feature.new_zeros(1, main[0].in_channels, *garment_feature.shape[-2:])
            tied = garment_feature + person_feature
            outputs += [main(cost), tied, refine(torch.cat([garment_feature, person_feature], 1))]
        return outputs
