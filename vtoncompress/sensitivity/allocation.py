"""Which ratio every group of layers gets when a share of what there is to save is to be saved, the cheapest first."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vtoncompress.pruning.ratio import within


@dataclass(frozen=True)
class Step:
    """From one ratio of a group's channels to the next that is worth while.

    Attributes:
        group: name of its first layer.
        ratio: that is reached.
        saving: MACs and parameters saved, each as a share of what all groups save at their largest ratio, added.
        price: garment SSIM lost for each unit of ``saving``, at least 0.
    """

    group: str
    ratio: float
    saving: float
    price: float


class _Point(NamedTuple):
    """A ratio of a group alone: what it saves, and the garment SSIM that it costs."""

    ratio: float
    saving: float
    loss: float


@dataclass(frozen=True)
class Allocation:
    """Ratios of the layers within a part of a network.

    Attributes:
        members: group -> names of its layers; tied layers lose the same channels.
        steps: cheapest first.
    """

    members: Mapping[str, Sequence[str]]
    steps: Sequence[Step]

    @classmethod
    def read(cls, path: Path, part: str) -> Allocation:
        """Of the groups that lie in the submodule ``part`` with all their layers.

        Args:
            path: ``sensitivity.csv`` of a sensitivity analysis: what each group alone costs and saves at some ratios.
            part: such as ``warp``.

        Raises:
            ValueError: the file is missing or no such table, or has no group in that part.
        """
        try:
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if row["members"]]
            points = _by_group(rows)
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{path} holds no sensitivities: write them with experiments/sensitivity.py") from error
        members = {row["group"]: row["members"].split() for row in rows}
        held = {name: layers for name, layers in members.items() if all(within(layer, part) for layer in layers)}
        if not held:
            raise ValueError(f"{path} has no group of layers in {part}: choose a part that it was made of")
        steps = [step for name in held for step in _worth_while(name, points[name])]
        return cls(held, sorted(steps, key=lambda step: (step.price, -step.saving, step.group)))

    def ratios(self, share: float) -> dict[str, float]:
        """Every layer of the part -> its ratio.

        Args:
            share: 0 keeps all channels, 1 takes every group's largest ratio; between them the cheapest steps are
                taken until that share of all savings is reached. Savings are added as if each group were alone.
        """
        wanted, saved = share * sum(step.saving for step in self.steps), 0.0
        chosen = dict.fromkeys(self.members, 0.0)
        for step in self.steps:
            if saved >= wanted * (1 - 1e-9):
                break
            chosen[step.group] = max(step.ratio, chosen[step.group])
            saved += step.saving
        return {layer: chosen[name] for name, layers in self.members.items() for layer in layers}


def _by_group(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[_Point]]:
    """Of each group what its ratios save and cost, by ratio."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: float(row["ratio"])):
        groups.setdefault(row["group"], []).append(row)
    columns = ("gmacs_saved", "params_m_saved")
    totals = {column: sum(float(found[-1][column]) for found in groups.values()) or 1.0 for column in columns}
    return {
        name: [
            _Point(
                float(row["ratio"]),
                sum(float(row[column]) / total for column, total in totals.items()),
                max(0.0, float(row["ssim_garment_loss"])),  # how far below 0 it lies is chance
            )
            for row in found
        ]
        for name, found in groups.items()
    }


def _worth_while(group: str, points: Sequence[_Point]) -> Iterator[Step]:
    """The steps along the lower convex hull, so that no later one is cheaper than the one before it."""
    at = _Point(0.0, 0.0, 0.0)
    while left := [point for point in points if point.saving > at.saving]:
        prices = {point: max(0.0, point.loss - at.loss) / (point.saving - at.saving) for point in left}
        best = min(left, key=lambda point: (prices[point], -point.saving))
        yield Step(group, best.ratio, best.saving - at.saving, prices[best])
        at = best
