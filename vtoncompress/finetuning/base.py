"""Training of a network that is already there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel


class Finetuning(ABC):
    """Changes a model's weights and batch-norm statistics, never its structure."""

    @abstractmethod
    def train(self, model: TryOnModel, data: TryOnData, folder: Path) -> dict[str, Any]:
        """Train ``model`` in place on ``data``.

        Args:
            model: left in evaluation mode.
            data: as many pairs as the budget asks for.
            folder: outlives a kill, so that training goes on from the checkpoint in it to the same result.

        Returns:
            What a record should know, as JSON values: samples, steps, last losses.

        Raises:
            FloatingPointError: the loss is not finite.
        """
