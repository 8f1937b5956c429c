"""All channels removed at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning, Recovery
from vtoncompress.pruning.budget import Budget
from vtoncompress.pruning.channels import check_channels, prune_channels
from vtoncompress.pruning.division import HEADS
from vtoncompress.pruning.ratio import Ratios, Share, flatten


class OneShot(Pruning):
    """Args:
    ratio: share of the channels to remove, more than 0 and less than 1.
    ratios: submodule -> ratio of its layers instead, from 0; see :class:`vtoncompress.pruning.ratio.Ratios`.
    ranking, max_ratio, round_to: see :class:`vtoncompress.pruning.budget.Budget`.
    attention: see :func:`vtoncompress.pruning.channels.prune_channels`.
    """

    def __init__(
        self,
        ratio: Share,
        ratios: Mapping[str, Any] | None = None,
        ranking: str = "uniform",
        max_ratio: float = 1.0,
        round_to: int | None = None,
        attention: str = HEADS,
        **_: Any,
    ) -> None:
        self.budget = Budget(Ratios(ratio, flatten(ratios)), ranking, max_ratio, round_to)
        self.attention = attention

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.check`."""
        check_channels(model, scope, self.budget, self.attention)

    def prune(
        self,
        model: TryOnModel,
        scope: Sequence[str],
        criterion: Criterion,
        data: TryOnData | None = None,
        folder: Path | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`."""
        prune_channels(model, scope, criterion, self.budget, data, folder, attention=self.attention)
