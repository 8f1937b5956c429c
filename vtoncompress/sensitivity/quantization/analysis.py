"""What a quantization sensitivity found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SSIM, DIFFERENCE = "ssim_garment", "picture_difference"


@dataclass(frozen=True)
class Point:
    """One convolution, or group of them, in INT8 alone.

    Attributes:
        name: of the convolution, or of the module that holds the group.
        layers: its convolutions.
        always_float: whether every INT8 mode leaves it in float, because it makes coordinates.
        values: of the network's pictures, by column.
        loss: of garment SSIM against float32; below 0 where the pictures got better.
    """

    name: str
    layers: tuple[str, ...]
    always_float: bool
    values: Mapping[str, float]
    loss: float


@dataclass(frozen=True)
class Attempt:
    """A network with all in INT8 but what always stays float and ``kept``, and the garment SSIM that it loses."""

    kept: tuple[str, ...]
    values: Mapping[str, float]
    loss: float


@dataclass(frozen=True)
class Analysis:
    """All points and how they were measured.

    Attributes:
        points: in the network's order.
        float32: of the network as it was, by column.
        attempts: by the number of names that they keep.
        chosen: the attempt that keeps fewest within the budget.
        budget: garment SSIM that the whole network may lose.
        protocol: lines that say what the numbers depend on.
    """

    points: Sequence[Point]
    float32: Mapping[str, float]
    attempts: Sequence[Attempt]
    chosen: Attempt
    budget: float
    protocol: Sequence[str]

    @property
    def override(self) -> str:
        """For the command line of any INT8 mode."""
        return f"quantization.float_layers=[{','.join(self.chosen.kept)}]"
