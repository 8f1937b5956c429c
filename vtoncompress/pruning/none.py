"""No pruning: the dense network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning


class NoPruning(Pruning):
    """Leaves the network as it is. Takes the options of the others, so that a sweep over ``pruning`` composes."""

    def __init__(self, **_: Any) -> None:
        pass

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """Nothing can be wrong."""

    def prune(self, *_: Any, **__: Any) -> None:
        """Nothing to do."""
