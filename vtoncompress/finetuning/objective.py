"""What a training minimises, apart from how it does that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from vtoncompress.model.base import Network


class Objective(nn.Module, ABC):
    """A loss as a forward pass, which is what accelerate wraps.

    Attributes:
        model: what is trained.
        settings: what a run must share with the one that it goes on from, as JSON values.
        record: of these, what a record should know: networks that had a part beside the model.
        told: names of values that are told and not minimised.
    """

    model: Network
    settings: dict[str, Any]
    record: dict[str, Any]
    told: tuple[str, ...] = ()

    @abstractmethod
    def samples(self, data: Any, start: int, stop: int) -> Dataset[dict[str, Tensor]]:
        """Samples ``start`` to ``stop`` of what the model learns from. ``data`` is of the objective's own kind."""

    @abstractmethod
    def reestimate(self, data: Any, count: int) -> None:
        """Average the model's batch-norm statistics over the first samples; nothing for a count of 0."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars by name, whose sum is minimised, but for those that are only told.

        ``batch`` is one of :meth:`samples`.
        """
