"""Channels removed in several steps, their importance computed anew before each, with training between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress import checkpoint
from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning, Recovery
from vtoncompress.pruning.budget import Budget
from vtoncompress.pruning.channels import check_channels, prune_channels
from vtoncompress.pruning.division import HEADS
from vtoncompress.pruning.ratio import Ratios, Share, flatten


class Iterative(Pruning):
    """Args:
    ratio: share of the channels to remove in all, more than 0 and less than 1.
    steps: in how many steps.
    recovery_samples: budget in pairs of the fine-tuning after every step but the last; 0 for none.
    ratios: submodule -> ratio of its layers instead, from 0; see :class:`vtoncompress.pruning.ratio.Ratios`.
    ranking, max_ratio, round_to: see :class:`vtoncompress.pruning.budget.Budget`.
    attention: see :func:`vtoncompress.pruning.channels.prune_channels`.
    """

    def __init__(
        self,
        ratio: Share,
        steps: int,
        recovery_samples: int = 0,
        ratios: Mapping[str, Any] | None = None,
        ranking: str = "uniform",
        max_ratio: float = 1.0,
        round_to: int | None = None,
        attention: str = HEADS,
        **_: Any,
    ) -> None:
        if steps < 1:
            raise ValueError(f"pruning.steps={steps}: use 1 or more")
        if recovery_samples < 0:
            raise ValueError(f"pruning.recovery_samples={recovery_samples}: use 0 or more")
        self.steps = steps
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

        def recover(step: int) -> None:
            assert recovery is not None
            assert folder is not None
            done = folder / f"recovered_{step}"
            if not (done / checkpoint.WEIGHTS).exists():
                recovery(model, folder / f"recovery_{step}")
                checkpoint.save(model, unfinished := folder / f"unfinished_{step}")
                unfinished.replace(done)
            model.load_state_dict(checkpoint.load(done).state_dict())

        between = None if recovery is None else recover
        prune_channels(model, scope, criterion, self.budget, data, folder, self.steps, between, self.attention)
