"""A criterion says which channels matter least."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch_pruning.pruner.importance import Importance

from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.groups import Group


class Criterion(ABC):
    """Makes torch-pruning's importance of a group of tied channels; the lowest go first."""

    @abstractmethod
    def check(self, data: TryOnData | None) -> None:
        """ValueError where the criterion can't work on ``data``. Takes no time."""

    def check_model(self, model: TryOnModel) -> None:  # noqa: B027 - most can rank any
        """ValueError where the criterion can't rank channels of ``model``. Takes no time."""

    @abstractmethod
    def prepare(self, model: TryOnModel, groups: Sequence[Group], data: TryOnData | None, folder: Path | None) -> None:
        """Get ``model`` ready, in place, once before its first channels go. Most have nothing to do.

        Args:
            model: to be pruned.
            groups: those of its channels that may go.
            data: training pairs.
            folder: outlives a kill, for training.
        """

    @abstractmethod
    def importance(self, model: TryOnModel, data: TryOnData | None) -> Importance:
        """What ranks the channels of ``model`` as it is now: called before every step of removing some."""


class WeightCriterion(Criterion):
    """A criterion that needs nothing but the weights as they are."""

    def __init__(self, **_: Any) -> None:
        """Takes the options of the others, so that a sweep over ``criterion`` composes."""

    def check(self, data: TryOnData | None) -> None:
        """Nothing can be wrong."""

    def prepare(self, model: TryOnModel, groups: Sequence[Group], data: TryOnData | None, folder: Path | None) -> None:
        """Nothing to do."""
