"""Kernel inception distance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vtoncompress.metric.base import Batch, Measurement, ReferencedMetric
from vtoncompress.metric.bootstrap import DRAWS, INDEPENDENT, INTERVAL, PAIRED, around
from vtoncompress.metric.distance import Features, Indices, kernel_distance, kernel_distance_of_draws
from vtoncompress.metric.distribution import Distributions, choose_extractor


class Kid(ReferencedMetric):
    """Unbiased squared MMD between the features of the predictions and of the person photos of the same pairs.

    Mean and standard deviation over random subsets, not multiplied by 1000. Unbiased where FID is not for few pictures.
    As FID, it is won by returning the person unchanged, and may then be slightly negative. ``kid`` and ``kid_std`` are
    filled with Inception's features only, ``kid_shipped`` and ``kid_shipped_std`` with those of the shipped network.

    Args:
        features, inception_weights, inception_dimension, inception_resizing: see
            :func:`vtoncompress.metric.distribution.choose_extractor`.
        subset_size: pictures a subset, at least 2; all of them where there are fewer (the deviation is then 0).
        subsets: number of subsets, at least 1.
        seed: of their draw.
        resamples: of the pairs, or of either set where they are none, for the confidence interval in the details: 0 for
            none, 2 or more.
    """

    columns = ("kid", "kid_std", "kid_shipped", "kid_shipped_std")

    def __init__(
        self,
        features: str = "auto",
        inception_weights: str | None = None,
        inception_dimension: int = 2048,
        inception_resizing: str = "pytorch_fid",
        subset_size: int = 100,
        subsets: int = 50,
        seed: int = 0,
        resamples: int = 100,
    ) -> None:
        if subset_size < 2 or subsets < 1:
            raise ValueError(f"subset_size={subset_size}, subsets={subsets}: at least 2 and 1 are needed")
        if resamples < 0 or resamples == 1:
            raise ValueError(f"metric.kid.resamples={resamples}: use 0, 2 or more")
        self.subset_size, self.subsets, self.seed, self.resamples = subset_size, subsets, seed, resamples
        self._sets = Distributions(
            choose_extractor(features, inception_weights, inception_dimension, inception_resizing)
        )

    def refer_to(self, known: Path, reference: str | None = None) -> bool:
        return self._sets.refer_to(known, reference)

    def update(self, batch: Batch) -> None:
        self._sets.update(batch)

    def compute(self) -> Measurement:
        suffix = self._sets.extractor.suffix
        others = ("kid", "kid_std") if suffix else ("kid_shipped", "kid_shipped_std")
        missing = self._sets.missing("kid", others)
        columns = (f"kid{suffix}", f"kid{suffix}_std")
        if len(self._sets) < 2:
            return Measurement(
                missing=missing | dict.fromkeys(columns, "an unbiased estimate needs at least 2 pictures")
            )
        size = min(self.subset_size, len(self._sets))
        predictions, references = self._sets.predictions(), self._sets.references()
        mean, deviation = kernel_distance(predictions, references, size, self.subsets, self.seed)
        protocol = self._sets.protocol("kid") | {
            "kid_kernel": "(x.y/D + 1)^3, unbiased",
            "kid_subset_size": size,
            "kid_subsets": self.subsets,
            "kid_seed": self.seed,
        }
        details: dict[str, Any] = {}
        if self.resamples:
            paired = self._sets.paired()
            details[INTERVAL] = {columns[0]: _interval(predictions, references, mean, self.resamples, paired)}
            details[DRAWS] = {columns[0]: PAIRED if paired else INDEPENDENT}
        return Measurement(dict(zip(columns, (mean, deviation), strict=True)), missing, protocol, details)


def _interval(predictions: Features, references: Features, value: float, resamples: int, paired: bool) -> list[float]:
    """Of the distance between the whole sets, which ``value``, the mean over subsets, estimates."""
    random = np.random.default_rng(0)
    draws = []
    for _ in range(resamples):
        drawn = _draw(random, len(predictions))
        draws.append((drawn, drawn if paired else _draw(random, len(references))))
    return list(around(value, kernel_distance_of_draws(predictions, references, draws)))


def _draw(random: np.random.Generator, count: int) -> Indices:
    """``count`` pictures with replacement, of them two different ones, without which there is no estimate."""
    while len(np.unique(drawn := random.integers(0, count, count))) < 2:
        pass
    return drawn
