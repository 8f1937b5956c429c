"""Channels removed in several steps, their importance computed anew before each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning
from vtoncompress.pruning.channels import prune_channels
from vtoncompress.pruning.ratio import Ratios, flatten


class Iterative(Pruning):
    """Args:
    ratio: share of each layer's channels to remove in all, more than 0 and less than 1.
    steps: in how many steps.
    round_to: keep channel counts multiples of this, or None.
    ratios: submodule -> ratio of its layers instead, from 0; see :class:`vtoncompress.pruning.ratio.Ratios`.
    """

    def __init__(
        self, ratio: float, steps: int, round_to: int | None = None, ratios: Mapping[str, Any] | None = None
    ) -> None:
        if steps < 1:
            raise ValueError(f"pruning.steps={steps}: use 1 or more")
        self.ratios, self.steps, self.round_to = Ratios(ratio, flatten(ratios)), steps, round_to

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.check`."""
        self.ratios.check(model, scope)

    def prune(self, model: TryOnModel, scope: Sequence[str], criterion: Criterion) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`."""
        prune_channels(model, scope, criterion, self.ratios, self.steps, self.round_to)
