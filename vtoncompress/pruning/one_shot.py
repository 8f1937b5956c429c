"""All channels removed at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning
from vtoncompress.pruning.channels import check_ratio, prune_channels


class OneShot(Pruning):
    """Args:
    ratio: share of each layer's channels to remove, more than 0 and less than 1.
    round_to: keep channel counts multiples of this, or None. On narrow layers this removes more than asked.
    """

    def __init__(self, ratio: float, round_to: int | None = None, **_: Any) -> None:
        self.ratio, self.round_to = check_ratio(ratio), round_to

    def prune(self, model: TryOnModel, scope: Sequence[str], criterion: Criterion) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`."""
        prune_channels(model, scope, criterion, self.ratio, 1, self.round_to)
