"""How many channels each group keeps, and which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from vtoncompress.pruning.ratio import Ratios

RANKINGS = ("uniform", "global")
ROUNDING = 1e-9  # (1 - 0.9) * 10 is less than 1 by the last bit of a float


@dataclass(frozen=True)
class Entry:
    """A group when channels are to be chosen.

    Attributes:
        layers: names of its layers.
        width: channels of the dense network's group.
        importance: of the channels that are left, (channels,).
    """

    layers: tuple[str, ...]
    width: int
    importance: Tensor


@dataclass(frozen=True)
class Budget:
    """What is to be removed.

    Args:
        ratios: share of channels, of all layers and of parts.
        ranking: ``uniform`` takes its share from every group. ``global`` ranks the channels of all groups that have
            one ratio, and takes the share from where they matter least.
        max_ratio: largest share that ``global`` may take from one group, at least as large as every ratio; every
            group keeps a channel in any case.
        round_to: channel counts become the nearest multiples of this, at least one; narrower groups stay whole. None
            leaves them.

    Raises:
        ValueError: an unknown ranking, a cap below a ratio, or a multiple below 1.
    """

    ratios: Ratios
    ranking: str = "uniform"
    max_ratio: float = 1.0
    round_to: int | None = None

    def __post_init__(self) -> None:
        if self.ranking not in RANKINGS:
            raise ValueError(f"pruning.ranking={self.ranking}: choose one of {', '.join(RANKINGS)}")
        largest = max([self.ratios.common, *self.ratios.parts.values()])
        if not largest <= self.max_ratio <= 1:
            raise ValueError(
                f"pruning.max_ratio={self.max_ratio}: use {largest}, the largest ratio asked for, to 1 (no cap)"
            )
        if self.round_to is not None and self.round_to < 1:
            raise ValueError(f"pruning.round_to={self.round_to}: use 1 or more, such as 8, or null")

    def check(self, groups: Iterable[tuple[Sequence[str], int]]) -> None:
        """ValueError where no channel of groups, given by their layers and width, could go for all the rounding."""
        entries = [Entry((*layers,), width, torch.zeros(width)) for layers, width in groups]
        shares = [self.ratios.least(entry.layers) for entry in entries]
        most = [share if self.ranking == "uniform" else self.max_ratio for share in shares]
        left = [
            self._rounded(_kept(entry.width, one), entry, share)
            for entry, one, share in zip(entries, most, shares, strict=True)
        ]
        if any(shares) and left == [entry.width for entry in entries]:
            raise ValueError(
                f"pruning.round_to={self.round_to} with pruning.ratio={self.ratios.common} removes nothing of layers "
                f"of up to {max(left)} channels: use a smaller multiple, such as {max(1, max(left) // 8)}, or null"
            )

    def removed(self, entries: Sequence[Entry], progress: float = 1.0) -> list[list[int]]:
        """For each entry the channels to remove, in order, so that ``progress`` (0..1) of every share is gone."""
        shares = [self.ratios.least(entry.layers) for entry in entries]
        if self.ranking == "uniform":
            kept = [_kept(entry.width, share * progress) for entry, share in zip(entries, shares, strict=True)]
        else:
            kept = self._kept_of_all(entries, shares, progress)
        kept = [self._rounded(n, entry, s) for n, entry, s in zip(kept, entries, shares, strict=True)]
        return [_least(entry.importance, len(entry.importance) - n) for n, entry in zip(kept, entries, strict=True)]

    def _kept_of_all(self, entries: Sequence[Entry], shares: Sequence[float], progress: float) -> list[int]:
        kept = [len(entry.importance) for entry in entries]
        order = sorted(range(len(entries)), key=shares.__getitem__)
        for share, same in groupby(order, key=shares.__getitem__):
            places = [place for place in same if share]
            if not places:
                continue
            # The most important channels of each group are out of reach: as many as the cap leaves it.
            floors = {place: _kept(entries[place].width, self.max_ratio) for place in places}
            within_reach = [
                (float(value), place)
                for place in places
                for value in entries[place].importance.sort().values[: max(0, kept[place] - floors[place])]
            ]
            target = _kept(sum(entries[place].width for place in places), share * progress)
            count = sum(kept[place] for place in places) - target
            for _, place in sorted(within_reach)[: max(0, count)]:
                kept[place] -= 1
        return kept

    def _rounded(self, kept: int, entry: Entry, share: float) -> int:
        if self.round_to is None or not share:
            return kept
        multiple = max(1, math.floor(kept / self.round_to + 0.5))
        if self.ranking == "global" and multiple * self.round_to < _kept(entry.width, self.max_ratio):
            multiple += 1  # the cap holds for what is rounded, too
        return min(multiple * self.round_to, len(entry.importance))


def _kept(width: int, share: float) -> int:
    return max(1, math.floor(width * (1 - share) + ROUNDING))


def _least(importance: Tensor, count: int) -> list[int]:
    return sorted(torch.topk(importance, count, largest=False).indices.tolist()) if count > 0 else []
