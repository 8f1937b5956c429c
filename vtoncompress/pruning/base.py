"""Structured pruning: channels removed for good, so that every runtime gets faster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel

Recovery = Callable[[TryOnModel, Path], Any]
"""Trains a model in place, with a folder that outlives a kill."""


class Pruning(ABC):
    """Removes channels from a model."""

    @abstractmethod
    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """ValueError where the options don't fit the network; arguments as for :meth:`prune`. Takes no time."""

    def check_data(self, data: TryOnData | None) -> None:  # noqa: B027 - most need none
        """ValueError where it needs training pairs other than ``data`` is. Takes no time."""

    @abstractmethod
    def prune(
        self,
        model: TryOnModel,
        scope: Sequence[str],
        criterion: Criterion,
        data: TryOnData | None = None,
        folder: Path | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        """Prune ``model`` in place.

        Args:
            model: any widths.
            scope: names of the submodules whose layers may lose output channels.
            criterion: which channels go first.
            data: training pairs, for a criterion that computes gradients and for training; weights alone need none.
            folder: outlives a kill, so that training goes on from what is in it to the same result; None where nothing
                is trained.
            recovery: training between steps, where there are several.

        Raises:
            ValueError: a ratio out of range, or a scope that matches nothing.
        """
