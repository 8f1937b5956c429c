"""How many channels each group keeps, and which."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from vtoncompress.pruning.division import CHANNELS, HEADS
from vtoncompress.pruning.ratio import Ratios

RANKINGS = ("uniform", "global")
ROUNDING = 1e-9  # (1 - 0.9) * 10 is less than 1 by the last bit of a float


@dataclass(frozen=True)
class Entry:
    """A group when channels are to be chosen.

    Attributes:
        layers: names of its layers.
        width: of the dense network's group, in channels, or in what else goes together
            (:mod:`vtoncompress.pruning.division`).
        importance: of those that are left, (width,) at first.
        size: channels that each of them stands for.
        unit: their kind; of all but ``channels`` shares are met over all groups together.
    """

    layers: tuple[str, ...]
    width: int
    importance: Tensor
    size: int = 1
    unit: str = CHANNELS


@dataclass(frozen=True)
class Budget:
    """What is to be removed.

    Args:
        ratios: share of channels, of all layers and of parts.
        ranking: ``uniform`` takes its share from every group. Heads and the like are few, so that each group loses the
            whole ones of its share, and of what is left over those lose one more where it matters least, until all
            together have lost the share. ``global`` ranks the channels of all groups that have one ratio, and takes the
            share from where they matter least.
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

    def check(self, entries: Sequence[Entry]) -> None:
        """ValueError where no channel of dense groups could go for all the rounding, or fewer heads than asked for."""
        self.check_heads(entries)
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

    def check_heads(self, entries: Sequence[Entry]) -> None:
        """ValueError where fewer heads of dense groups can go than are asked for."""
        shares = [self.ratios.least(entry.layers) for entry in entries]
        for share, places in _alike(entries, shares):
            if entries[places[0]].unit != HEADS:
                continue
            total = sum(entries[place].width for place in places)
            cap = self.max_ratio if self.ranking == "global" else 1.0
            most = total - sum(_kept(entries[place].width, cap) for place in places)
            asked = total - math.floor(total * (1 - share) + ROUNDING)
            if asked > most:
                raise ValueError(
                    f"pruning.ratio={share:g} is {asked} of {total} heads, but each of {len(places)} attention layers "
                    f"keeps one or more, so that {most} can go: use {math.floor(100 * most / total) / 100:g} or less, "
                    "or pruning.attention=head_widths"
                )

    def removed(self, entries: Sequence[Entry], progress: float = 1.0) -> list[list[int]]:
        """For each entry the channels to remove, in order, so that ``progress`` (0..1) of every share is gone."""
        shares = [self.ratios.least(entry.layers) for entry in entries]
        if self.ranking == "uniform":
            kept = [_kept(entry.width, share * progress) for entry, share in zip(entries, shares, strict=True)]
            for share, places in _alike(entries, shares):
                if entries[places[0]].unit != CHANNELS:
                    kept = _kept_together(entries, places, share * progress, kept)
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
            target = _kept(sum(entries[place].width * entries[place].size for place in places), share * progress)
            count = sum(kept[place] * entries[place].size for place in places) - target
            for _, place in sorted(within_reach):
                if count <= 0:
                    break
                kept[place] -= 1
                count -= entries[place].size
        return kept

    def _rounded(self, kept: int, entry: Entry, share: float) -> int:
        if self.round_to is None or not share:
            return kept
        step = self.round_to // math.gcd(self.round_to, entry.size)
        multiple = max(1, math.floor(kept / step + 0.5))
        if self.ranking == "global" and multiple * step < _kept(entry.width, self.max_ratio):
            multiple += 1  # the cap holds for what is rounded, too
        return min(multiple * step, len(entry.importance))


def _alike(entries: Sequence[Entry], shares: Sequence[float]) -> Iterator[tuple[float, list[int]]]:
    """Places of the entries of one share above 0 and one unit."""
    alike: dict[tuple[float, str], list[int]] = {}
    for place, (entry, share) in enumerate(zip(entries, shares, strict=True)):
        if share:
            alike.setdefault((share, entry.unit), []).append(place)
    for (share, _), places in alike.items():
        yield share, places


def _kept_together(entries: Sequence[Entry], places: Sequence[int], share: float, kept: Sequence[int]) -> list[int]:
    """``kept`` with those of ``places`` changed, so that all of these together lose ``share``."""
    found = [*kept]
    exact = {place: entries[place].width * (1 - share) for place in places}
    for place in places:
        found[place] = max(1, min(len(entries[place].importance), math.ceil(exact[place] - ROUNDING)))
    spare = sum(found[place] for place in places) - _kept(sum(entries[place].width for place in places), share)
    may_lose = [place for place in places if found[place] > max(1, exact[place])]
    # By what would go next of each.
    may_lose.sort(key=lambda p: float(entries[p].importance.sort().values[len(entries[p].importance) - found[p]]))
    for place in may_lose[: max(0, spare)]:
        found[place] -= 1
    return found


def _kept(width: int, share: float) -> int:
    return max(1, math.floor(width * (1 - share) + ROUNDING))


def _least(importance: Tensor, count: int) -> list[int]:
    return sorted(torch.topk(importance, count, largest=False).indices.tolist()) if count > 0 else []
