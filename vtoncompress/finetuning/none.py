"""No fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.model.base import TryOnModel


class NoFinetuning(Finetuning):
    """Leaves the weights as they are. Takes the options of the others, so that a sweep over ``finetuning`` composes.

    Args:
        batch_norm_pairs: pairs over which batch-norm statistics are averaged anew; 0 leaves them, too, as they are.

    Raises:
        ValueError: it is negative.
    """

    def __init__(self, batch_norm_pairs: int = 0, **_: Any) -> None:
        if batch_norm_pairs < 0:
            raise ValueError(f"finetuning.batch_norm_pairs={batch_norm_pairs}: use 0 or more")
        self.batch_norm_pairs = batch_norm_pairs

    def check(self, model: TryOnModel) -> None:
        """Nothing can be wrong."""

    def train(
        self, model: TryOnModel, data: TryOnData, folder: Path, teacher: TryOnModel | None = None
    ) -> dict[str, Any]:
        """Statistics only."""
        reestimate(model, data, self.batch_norm_pairs)
        return {"samples": 0}
