"""Structured pruning: channels removed for good, so that every runtime gets faster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel


class Pruning(ABC):
    """Removes channels from a model."""

    @abstractmethod
    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """ValueError where the options don't fit the network; arguments as for :meth:`prune`. Takes no time."""

    @abstractmethod
    def prune(self, model: TryOnModel, scope: Sequence[str], criterion: Criterion) -> None:
        """Prune ``model`` in place.

        Args:
            model: any widths.
            scope: names of the submodules whose layers may lose output channels.
            criterion: which channels go first.

        Raises:
            ValueError: a ratio out of range, or a scope that matches nothing.
        """
