"""What a quantization sensitivity found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SSIM, WHOLE, DIFFERENCE = "ssim_garment", "ssim", "picture_difference"
BUDGETED = (SSIM, WHOLE)
"""What may be lost within a budget: SSIM where the garment is, and of whole pictures, of which INT8 takes more."""


def losses(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Of each of :data:`BUDGETED`; below 0 where the pictures got better."""
    return {name: before[name] - after[name] for name in BUDGETED}


def spent(loss: Mapping[str, float], budget: Mapping[str, float]) -> float:
    """The share of its budget that the measure with least left has lost; more than 1 is too much."""
    return max(loss[name] / budget[name] for name in BUDGETED)


@dataclass(frozen=True)
class Point:
    """One convolution, or group of them, in INT8 alone.

    Attributes:
        name: of the convolution, or of the module that holds the group.
        layers: its convolutions.
        always_float: whether every INT8 mode leaves it in float, because it makes coordinates.
        values: of the network's pictures, by column.
        loss: against float32, by measure; see :func:`losses`.
        spent: share of the budget; see :func:`spent`.
    """

    name: str
    layers: tuple[str, ...]
    always_float: bool
    values: Mapping[str, float]
    loss: Mapping[str, float]
    spent: float


@dataclass(frozen=True)
class Attempt:
    """A network with all in INT8 but what always stays float and ``kept``, and what it loses; as of a point."""

    kept: tuple[str, ...]
    values: Mapping[str, float]
    loss: Mapping[str, float]
    spent: float


@dataclass(frozen=True)
class Analysis:
    """All points and how they were measured.

    Attributes:
        points: in the network's order.
        float32: of the network as it was, by column.
        attempts: by the number of names that they keep.
        chosen: the attempt that keeps fewest within the budget.
        held_out: nothing kept, and what was chosen, on pairs by which nothing was ranked or chosen.
        budget: what the whole network may lose, by measure.
        protocol: lines that say what the numbers depend on.
    """

    points: Sequence[Point]
    float32: Mapping[str, float]
    attempts: Sequence[Attempt]
    chosen: Attempt
    held_out: tuple[Attempt, Attempt]
    budget: Mapping[str, float]
    protocol: Sequence[str]

    @property
    def override(self) -> str:
        """For the command line of any INT8 mode."""
        return f"quantization.float_layers=[{','.join(self.chosen.kept)}]"
