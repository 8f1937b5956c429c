"""Training of a network that is already there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel

if TYPE_CHECKING:  # most networks have no sampler, and their training is not tied to its code
    from vtoncompress.sampling.base import Sampling


class Finetuning(ABC):
    """Changes a model's weights and batch-norm statistics, never its structure.

    Attributes:
        learns_from_equals: whether a teacher with the student's own weights has something to teach.
    """

    learns_from_equals: ClassVar[bool] = False

    @abstractmethod
    def check(self, model: TryOnModel) -> None:
        """ValueError where the options don't fit the network, pruned or not. Takes no time."""

    def check_sampling(self, sampling: Sampling) -> None:  # noqa: B027 - most have nothing against any
        """ValueError where pictures are to be made in another way than the network is trained for."""

    @abstractmethod
    def train(
        self, model: TryOnModel, data: TryOnData, folder: Path, teacher: TryOnModel | None = None
    ) -> dict[str, Any]:
        """Train ``model`` in place on ``data``.

        Args:
            model: left in evaluation mode.
            data: as many pairs as the budget asks for.
            folder: outlives a kill, so that training goes on from the checkpoint in it to the same result.
            teacher: the dense network that ``model`` was pruned from, for a mode that learns from one; not changed.

        Returns:
            What a record should know, as JSON values: samples, steps, last losses, and which other networks had a part.

        Raises:
            FloatingPointError: the loss is not finite.
            ValueError: a teacher is needed and there is none.
        """
