"""All channels removed at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning
from vtoncompress.pruning.channels import prune_channels
from vtoncompress.pruning.ratio import Ratios, flatten


class OneShot(Pruning):
    """Args:
    ratio: share of each layer's channels to remove, more than 0 and less than 1.
    round_to: keep channel counts multiples of this, or None. On narrow layers this removes more than asked.
    ratios: submodule -> ratio of its layers instead, from 0; see :class:`vtoncompress.pruning.ratio.Ratios`.
    """

    def __init__(
        self, ratio: float, round_to: int | None = None, ratios: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        self.ratios, self.round_to = Ratios(ratio, flatten(ratios)), round_to

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.check`."""
        self.ratios.check(model, scope)

    def prune(self, model: TryOnModel, scope: Sequence[str], criterion: Criterion) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`."""
        prune_channels(model, scope, criterion, self.ratios, 1, self.round_to)
