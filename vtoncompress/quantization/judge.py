"""What a mode with a budget goes by: quality on validation pairs, and how much of it may be lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from vtoncompress.data.base import Pair
from vtoncompress.export.base import Runtime
from vtoncompress.metric.base import Batch, Measurement, Prediction
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.try_on import pair_tensors, to_image

BATCH = 32
NO_FID = 1e-9
"""A distance below it counts as this one, so that a share of it exists."""


@dataclass(frozen=True)
class Quality:
    """Of a network's pictures: SSIM inside the garment, -1..1, more is better; FID, 0 or more, less is better."""

    garment_ssim: float
    fid: float


@dataclass(frozen=True)
class Budget:
    """What a network may lose. Infinity is a loss that doesn't matter.

    Args:
        garment_ssim: above 0; the fall of garment SSIM.
        fid_percent: above 0; the rise of FID in per cent of what it was.

    Raises:
        ValueError: a budget that is not a number above 0.
    """

    garment_ssim: float
    fid_percent: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"quantization.budget.{field.name}={value}: a number above 0 is needed")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Budget:
        """A config's ``budget``. ValueError for a name that is unknown or missing."""
        names = [field.name for field in fields(cls)]
        if not isinstance(options, Mapping) or sorted(options) != sorted(names):
            raise ValueError(f"quantization.budget={options}: give {' and '.join(names)}, and no other")
        return cls(**options)

    def margin(self, before: Quality, after: Quality) -> float:
        """The share of the budget that is left: 1 where nothing is lost, 0 where one is used up, below 0 beyond it.

        The lesser of the two, each at most 1: what one gains neither counts nor pays for what the other loses.
        """
        known = max(before.fid, NO_FID)
        lost = {
            "garment_ssim": before.garment_ssim - after.garment_ssim,
            "fid_percent": 100 * (max(after.fid, NO_FID) - known) / known,
        }
        return min(1.0, *(1 - loss / getattr(self, name) for name, loss in lost.items()))


class Judge:
    """Looks at what networks make of the same pairs.

    Args:
        pairs: 2 or more with a truth, that neither calibrate nor test.
        features, inception_weights: of FID; see :func:`vtoncompress.metric.distribution.choose_extractor`. Numbers of
            different features can't be compared.

    Raises:
        ValueError: fewer than 2 pairs, or one without a truth.
    """

    def __init__(self, pairs: Sequence[Pair], features: str = "shipped", inception_weights: str | None = None) -> None:
        if len(pairs) < 2:
            raise ValueError(f"{len(pairs)} validation pairs can't be judged: set validation_pairs to 2 or more")
        if blind := [pair.name for pair in pairs if pair.truth is None or pair.region is None]:
            raise ValueError(
                f"the validation pair {blind[0]} has no picture of this person in this garment: "
                "leave training_data out, so that pairs are generated"
            )
        self._features = (features, inception_weights)
        Fid(*self._features)  # a wrong choice is told before any work
        self._parts = [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
        self._persons: list[dict[str, Any]] = [{} for _ in self._parts]
        self._told: dict[str, Any] = {"pairs": len(pairs)}

    def look(self, runtime: Runtime) -> Quality:
        """The quality of the pictures that ``runtime`` makes. ValueError where it gives NaN, or no garment is seen."""
        garment, fid = GarmentLikeness(), Fid(*self._features, resamples=0)
        for pairs, persons in zip(self._parts, self._persons, strict=True):
            batch = Batch(pairs, [_predict(runtime, pair) for pair in pairs], dict(persons))
            garment.update(batch)
            fid.update(batch)
            # People stay the same from look to look, so that their features are computed once.
            persons.update({name: value for name, value in batch.features.items() if name.endswith("/person")})
        distance = fid.compute()
        self._told |= distance.details
        (column,) = {*Fid.columns} - {*distance.missing}
        return Quality(_value(garment.compute(), "ssim_garment"), distance.values[column])

    def describe(self) -> dict[str, Any]:
        """``pairs``; once it has looked also ``fid_dimension`` and ``fid_rank_deficient``.

        The latter is true where there are no more pairs than features: then FID mostly counts pairs, and a share of it
        is no budget.
        """
        return dict(self._told)


def _predict(runtime: Runtime, pair: Pair) -> Prediction:
    return Prediction(to_image(runtime(pair_tensors(pair))["image"]))


def _value(measurement: Measurement, column: str) -> float:
    value = measurement.values.get(column, math.nan)
    if math.isnan(value):
        raise ValueError(f"the validation pairs have no {column} ({measurement.missing.get(column, 'it is NaN')})")
    return value
