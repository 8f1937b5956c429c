"""No fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.model.base import TryOnModel


class NoFinetuning(Finetuning):
    """Leaves the weights as they are. Takes the options of the others, so that a sweep over ``finetuning`` composes."""

    def __init__(self, **_: Any) -> None:
        pass

    def train(self, model: TryOnModel, data: TryOnData, folder: Path) -> dict[str, Any]:
        """Nothing to do."""
        return {"samples": 0}
