"""What one point found, held against the dense network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtoncompress.pruning.groups import Group

SSIM = "ssim_garment"


@dataclass(frozen=True)
class Network:
    """A measured network.

    Attributes:
        values: of its pictures, by column; ``ssim_garment`` is among them.
        macs, parameters: as whole numbers.
        channels: output channels by convolution.
    """

    values: Mapping[str, float]
    macs: int
    parameters: int
    channels: Mapping[str, int]


@dataclass(frozen=True)
class Point:
    """One group pruned alone.

    Attributes:
        group: which.
        ratio: asked for; whole channels make what was reached differ.
        network: what is left.
        dense: what it was.
        latency_saved_ms: of the dense network's median latency; None where no time was measured.
    """

    group: Group
    ratio: float
    network: Network
    dense: Network
    latency_saved_ms: float | None = None

    @property
    def loss(self) -> float:
        """Garment SSIM lost; below 0 where the pictures got better."""
        return self.dense.values[SSIM] - self.network.values[SSIM]

    @property
    def macs_saved(self) -> int:
        return self.dense.macs - self.network.macs

    @property
    def parameters_saved(self) -> int:
        return self.dense.parameters - self.network.parameters

    @property
    def channels_left(self) -> int:
        return self.network.channels[self.group.name]

    @property
    def loss_per_gmac(self) -> float | None:
        """Garment SSIM lost for each 10^9 MACs saved; None where none were."""
        return self.loss / (self.macs_saved / 1e9) if self.macs_saved else None


@dataclass(frozen=True)
class Analysis:
    """All points and how they were measured.

    Attributes:
        points: by group in the network's order, then by ratio.
        chosen: group's name -> the ratio proposed for it.
        together: the network with all proposed ratios at once.
        budget: garment SSIM that a group may cost.
        protocol: lines that say what the numbers depend on.
    """

    points: Sequence[Point]
    chosen: Mapping[str, float]
    together: Network
    budget: float
    protocol: Sequence[str]

    @property
    def dense(self) -> Network:
        return self.points[0].dense

    @property
    def ratios(self) -> list[float]:
        return sorted({point.ratio for point in self.points})

    def by_group(self) -> dict[Group, dict[float, Point]]:
        """Group -> ratio -> point, in the network's order."""
        groups: dict[Group, dict[float, Point]] = {}
        for point in self.points:
            groups.setdefault(point.group, {})[point.ratio] = point
        return groups


def read_network(content: Mapping[str, Any]) -> Network:
    """From the ``point.json`` of a stage."""
    return Network(**content)
