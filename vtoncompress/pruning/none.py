"""No pruning: the dense network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning


class NoPruning(Pruning):
    """Leaves the network as it is. Takes the options of the others, so that a sweep over ``pruning`` composes."""

    def __init__(self, **_: Any) -> None:
        pass

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """Nothing can be wrong."""

    def prune(self, model: TryOnModel, scope: Sequence[str], criterion: Criterion) -> None:
        """Nothing to do."""
