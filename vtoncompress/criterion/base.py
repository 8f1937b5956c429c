"""A criterion says which channels matter least."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch_pruning.pruner.importance import Importance


class Criterion(ABC):
    """Makes torch-pruning's importance of a group of tied channels; the lowest go first."""

    @abstractmethod
    def importance(self) -> Importance: ...
