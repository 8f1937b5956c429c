"""The whole try-on call: garment masked, warped, finished and blended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vtoncompress.model.base import TracedModel
from vtoncompress.model.pf_afn.convention import find_convention
from vtoncompress.model.pf_afn.correlation.layer import FASTEST, LOOP, check_choice, form_for
from vtoncompress.model.pf_afn.flow import GridSample, grid_to_pixels
from vtoncompress.model.pf_afn.generator import DOWNSAMPLINGS, Generator, blend
from vtoncompress.model.pf_afn.loss import TERMS, weighted_terms
from vtoncompress.model.pf_afn.multi_level import Distance
from vtoncompress.model.pf_afn.sampling import is_gathered
from vtoncompress.model.pf_afn.warp import ENCODER_CHANNELS, WarpNetwork
from vtoncompress.model.pf_afn.warped import trace_warp
from vtoncompress.model.trace import Trace

MULTIPLE = 2**DOWNSAMPLINGS
LEVELS = len(ENCODER_CHANNELS)


def check_shape(width: float, size: Sequence[int]) -> None:
    """ValueError for a size or a width that a network of this kind can't have."""
    if not 1 / 32 <= width <= 4:
        raise ValueError(f"model.network.width={width} is out of range: use 0.03125 to 4 (1 is the published network)")
    # Of a side of 32 the coarsest level has one pixel, in which no offset can be told: its grid would be NaN.
    if len(size) != 2 or any(side < 2 * MULTIPLE or side % MULTIPLE for side in size):
        raise ValueError(
            f"model.size={list(size)}: height and width must be multiples of {MULTIPLE}, {2 * MULTIPLE} or more"
        )


class PFAFN(TracedModel):
    """Warp network and generator.

    Args:
        width: factor on all channel counts; 1 is the published network (73.2 M parameters), 0.25 the small one.
        size: (height, width) in pixels, multiples of 32 from 64.
        convention: ``official`` or ``seed``, see :mod:`vtoncompress.model.pf_afn.convention`.
        correlation: ``fastest``, ``loop``, ``banded`` or ``triton``, see :mod:`vtoncompress.model.pf_afn.correlation`.

    Raises:
        ValueError: a size or a width that the network can't have, or no such correlation.
    """

    inputs: ClassVar = {"person": 3, "garment": 3, "garment_mask": 1}
    loss_terms = tuple(TERMS)
    execution = ("correlation",)

    def __init__(
        self, width: float, size: Sequence[int], convention: str = "official", correlation: str = FASTEST
    ) -> None:
        super().__init__()
        check_shape(width, size)
        rule = find_convention(convention)
        self.width, self.convention = width, convention
        self.size = (size[0], size[1])
        self.align_corners = rule.align_corners
        self.warp = WarpNetwork(width, rule, correlation=correlation)
        self.generator = Generator(width)
        self.sample_mask = GridSample(rule.align_corners, padding_mode="zeros")

    def arguments(self) -> dict[str, Any]:
        chosen = {} if self.correlation == FASTEST else {"correlation": self.correlation}
        return {"width": self.width, "size": list(self.size), "convention": self.convention, **chosen}

    @property
    def correlation(self) -> str:
        """Which form computes the correlation; may be set."""
        return self.warp.aflow_net.correlation.choice

    @correlation.setter
    def correlation(self, choice: str) -> None:
        check_choice(choice)
        self.warp.aflow_net.correlation.choice = choice

    def use_definitions(self) -> None:
        self.correlation = LOOP

    def forms(self, graph: bool) -> dict[str, str]:
        return {"correlation": form_for(self.correlation, graph), "sampling": self._sampling_forms(graph)}

    def _sampling_forms(self, graph: bool) -> str:
        """Of features; pictures and grids have few channels and are always sampled by ``grid_sample``."""
        if not graph:
            return "grid_sample"
        # Half of what each head reads, whatever kind of convolution quantization has made of it.
        widths = [refine.state_dict()["0.weight"].shape[1] // 2 for refine in self.warp.aflow_net.netRefine]
        return ", ".join(sorted({"gathered" if is_gathered(width) else "grid_sample" for width in widths}))

    @property
    def parts(self) -> dict[str, nn.Module]:
        return {"warp": self.warp, "generator": self.generator}

    def warp_garment(
        self, person: Tensor, garment: Tensor, garment_mask: Tensor
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The garment, cut out and deformed (N, 3, H, W), its mask (N, 1, H, W), and the grids of all levels."""
        mask = (garment_mask > 0.5).to(garment.dtype)
        warped, grids = self.warp(person, garment * mask)
        return warped, self.sample_mask(mask, grids[-1]), grids

    def finish(self, person: Tensor, warped: Tensor, warped_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Picture (N, 3, H, W) in -1..1 and the weight (N, 1, H, W) that the warped garment has in it."""
        return blend(self.generator(torch.cat([person, warped, warped_mask], 1)), warped, warped_mask)

    def grid_to_pixels(self, grid: Tensor) -> Tensor:
        """Sampling grid (N, 2, h, w) in -1..1 of any level -> pixels of the full picture, centres at whole numbers."""
        return grid_to_pixels(grid, self.size, self.align_corners)

    def forward(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> dict[str, Tensor]:
        warped, warped_mask, grids = self.warp_garment(person, garment, garment_mask)
        image, _ = self.finish(person, warped, warped_mask)
        return {"image": image, "flow": self.grid_to_pixels(grids[-1])}

    def trace(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> Trace:
        trace = trace_warp(self, person, garment, garment_mask)
        image, weight = self.finish(person, trace.inner["warped"], trace.inner["warped_mask"])
        return replace(trace, image=image, inner={**trace.inner, "weight": weight})

    def loss(
        self,
        trace: Trace,
        batch: Mapping[str, Tensor],
        weights: Mapping[str, float],
        perceptual: Distance | None = None,
    ) -> dict[str, Tensor]:
        return weighted_terms(trace, batch, weights, perceptual)

    def losses(
        self, batch: Mapping[str, Tensor], weights: Mapping[str, float], perceptual: Distance | None = None
    ) -> dict[str, Tensor]:
        trace = self.trace(batch["person"], batch["garment"], batch["garment_mask"])
        return self.loss(trace, batch, weights, perceptual)

    def float_layers(self) -> list[str]:
        return [f"warp.aflow_net.{head}.{level}.6" for head in ("netMain", "netRefine") for level in range(LEVELS)]

    def feature_readers(self) -> list[str]:
        return ["warp.aflow_net.correlation", "warp.aflow_net.sample"]

    def output_layers(self) -> list[str]:
        return [*self.float_layers(), "generator.model.model.6"]

    def dependency_outputs(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> list[Tensor]:
        return [
            *self.warp.dependency_outputs(person, garment),
            self.generator(torch.cat([person, garment, garment_mask], 1)),
        ]
