"""Channels removed in several steps, their importance computed anew before each."""

from __future__ import annotations

from collections.abc import Sequence

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning
from vtoncompress.pruning.channels import check_ratio, prune_channels


class Iterative(Pruning):
    """Args:
    ratio: share of each layer's channels to remove in all, more than 0 and less than 1.
    steps: in how many steps.
    round_to: keep channel counts multiples of this, or None.
    """

    def __init__(self, ratio: float, steps: int, round_to: int | None = None) -> None:
        if steps < 1:
            raise ValueError(f"pruning.steps={steps}: use 1 or more")
        self.ratio, self.steps, self.round_to = check_ratio(ratio), steps, round_to

    def prune(self, model: TryOnModel, scope: Sequence[str], criterion: Criterion) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`."""
        prune_channels(model, scope, criterion, self.ratio, self.steps, self.round_to)
