"""What each group's channels are worth, by what a sensitivity analysis measured that the group alone costs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtoncompress.pruning.groups import Group

LEAST = 1e-6
"""Garment SSIM that any group costs: where none of a table lies below 0 nothing tells how far chance goes."""


@dataclass(frozen=True)
class Losses:
    """Of groups of tied layers.

    Attributes:
        path: of the table.
        ratios: group's first layer -> largest measured ratio.
        losses: group's first layer -> garment SSIM that it costs, the most at any measured ratio; no less than the
            table's losses lie below 0, which is what so few pairs can't tell from nothing.
    """

    path: Path
    ratios: Mapping[str, float]
    losses: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> Losses:
        """From ``sensitivity.csv``.

        Raises:
            ValueError: the file is missing or no such table.
        """
        ratios: dict[str, float] = {}
        losses: dict[str, float] = {}
        try:
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    if name := row["members"] and row["group"]:
                        ratios[name] = max(float(row["ratio"]), ratios.get(name, 0.0))
                        losses[name] = max(float(row["ssim_garment_loss"]), losses.get(name, -1.0))
            chance = max(LEAST, *(-loss for loss in losses.values()))
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{path} holds no sensitivities: write them with experiments/sensitivity.py") from error
        return cls(path, ratios, {name: max(chance, loss) for name, loss in losses.items()})

    def check(self, groups: Sequence[Group]) -> None:
        """ValueError where one of ``groups`` was not measured."""
        if missing := [group.name for group in groups if group.name not in self.losses]:
            raise ValueError(
                f"{self.path} has no {missing[0]} ({len(missing)} of {len(groups)} groups are missing): write it with "
                "experiments/sensitivity.py and the same model and scope"
            )

    def prices(self, group: Group) -> list[float]:
        """Of the group's channels, first the one that goes first: (channels,), rising, in garment SSIM.

        Together they cost what was measured, at that ratio, and grow with the square of the share that is gone: the
        second order of a loss around its minimum (LeCun et al., "Optimal Brain Damage", NIPS 1989).
        """
        scale = self.losses[group.name] / (self.ratios[group.name] * group.channels) ** 2
        return [scale * (2 * gone + 1) for gone in range(group.channels)]
