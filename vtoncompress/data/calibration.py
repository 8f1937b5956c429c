"""Which pairs of a data set quantization looks at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vtoncompress.data.base import Pair, TryOnData

CANDIDATES = 8
"""Pairs that a stratified choice is made from, for each that is chosen."""


def _garment_area(pair: Pair) -> float:
    return float(np.mean(pair.garment_mask))


def _brightness(pair: Pair) -> float:
    return float(np.mean(pair.garment[pair.garment_mask > 127])) if (pair.garment_mask > 127).any() else 0.0


STRATA: dict[str, Callable[[Pair], float]] = {"garment_area": _garment_area, "garment_brightness": _brightness}


class Calibration:
    """A choice of pairs.

    Args:
        pairs: how many, 1 or more.
        seed: another seed chooses other pairs, none of them twice.
        stratification: ``none`` takes neighbours; ``garment_area`` and ``garment_brightness`` take, of eight times as
            many, those that stand evenly spread when sorted by the share of the picture that the garment fills, or by
            how bright it is, so that the rare ones are among them.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(self, pairs: int, seed: int = 0, stratification: str = "none") -> None:
        if pairs < 1:
            raise ValueError(f"calibration.pairs={pairs}: use 1 or more")
        if seed < 0:
            raise ValueError(f"calibration.seed={seed}: use 0 or more")
        if stratification not in ("none", *STRATA):
            raise ValueError(
                f"unknown calibration.stratification={stratification}: choose one of none, {', '.join(STRATA)}"
            )
        self.pairs, self.seed, self.stratification = pairs, seed, stratification

    @property
    def looked_at(self) -> int:
        """Pairs that the choice is made from."""
        return self.pairs * (1 if self.stratification == "none" else CANDIDATES)

    @property
    def last(self) -> int:
        """Pairs that the data set must have."""
        return (self.seed + 1) * self.looked_at

    def choose(self, data: TryOnData) -> list[Pair]:
        """The pairs, of ``data``.

        Raises:
            ValueError: ``data`` is too small.
        """
        first, last = self.last - self.looked_at, self.last
        if last > len(data):
            raise ValueError(
                f"calibration looks at {last} pairs (calibration.pairs={self.pairs}, seed={self.seed}, "
                f"stratification={self.stratification}), but there are {len(data)}: use fewer"
            )
        if self.stratification == "none":
            return [data[index] for index in range(first, last)]
        stratum = STRATA[self.stratification]
        values = np.array([stratum(data[index]) for index in range(first, last)])
        ranks = ((np.arange(self.pairs) + 0.5) * CANDIDATES).astype(int)
        return [data[first + int(index)] for index in np.argsort(values, kind="stable")[ranks]]
