"""One visit: every chosen recipe on the same two photos."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.demo.recipe import Recipe
from vtoncompress.deployment import open_deployment
from vtoncompress.picture_grid import difference
from vtoncompress.try_on import TryOn

TIMED = 3
"""Further calls that are timed where all of them take less than ``PATIENCE`` seconds."""
PATIENCE = 1.0
OPEN = 4
"""Networks that stay in memory."""


@dataclass(frozen=True)
class Fitting:
    """What one recipe made.

    Attributes:
        recipe: which.
        picture: (H, W, 3) uint8.
        latency_ms: the median of a few calls, batch 1, photos decoded and mask known before.
        apart: mean absolute difference to the dense recipe's picture, in levels of 255; None without a dense one of the
            same model.
        difference: that difference, three times enlarged.
    """

    recipe: Recipe
    picture: Image
    latency_ms: float
    apart: float | None
    difference: Image | None


class FittingRoom:
    """Keeps the networks that were used last.

    Args:
        recipes: all that are offered.
        threads: CPU threads of a call; None for the runtime's own choice.
    """

    def __init__(self, recipes: Sequence[Recipe], threads: int | None = None) -> None:
        assert recipes, "something is offered"
        self.recipes = {recipe.name: recipe for recipe in recipes}
        self._open = lru_cache(maxsize=OPEN)(lambda name: open_deployment(self.recipes[name].folder, threads))

    def fit(self, names: Sequence[str], person: Image, garment: Image, mask: Image) -> Iterator[Fitting]:
        """What each of the recipes makes, as soon as it is made; the dense one of a model runs first, for comparison.

        Args:
            names: of recipes.
            person, garment: (H, W, 3) uint8, each of any size.
            mask: (H, W) uint8 of the garment's size.
        """
        dense: dict[str, Image] = {}
        for name in sorted(names, key=lambda one: (not self.recipes[one].dense, names.index(one))):
            recipe = self.recipes[name]
            picture, latency = _call(self._open(name), person, garment, mask)
            if recipe.dense:
                dense.setdefault(recipe.model, picture)
            elif recipe.model not in dense and (other := self._dense_of(recipe)) is not None:
                dense[recipe.model] = self._open(other.name)(person, garment, mask)
            aim = dense.get(recipe.model)
            if aim is None or aim.shape != picture.shape:
                yield Fitting(recipe, picture, latency, None, None)
                continue
            apart = float(np.abs(picture.astype(np.int16) - aim).mean())
            yield Fitting(recipe, picture, latency, apart, difference(aim, picture))

    def _dense_of(self, recipe: Recipe) -> Recipe | None:
        alike = [one for one in self.recipes.values() if one.dense and one.model == recipe.model]
        return min(alike, key=lambda one: one.runtime != recipe.runtime, default=None)


def _call(try_on: TryOn, person: Image, garment: Image, mask: Image) -> tuple[Image, float]:
    """The picture and milliseconds. The first call of a network is slower than all others, so that it is not timed."""
    begun = time.perf_counter()
    picture = try_on(person, garment, mask)
    first = time.perf_counter() - begun
    if first * TIMED > PATIENCE:
        return picture, 1000 * first
    taken = []
    for _ in range(TIMED):
        begun = time.perf_counter()
        try_on(person, garment, mask)
        taken.append(time.perf_counter() - begun)
    return picture, 1000 * float(np.median(taken))
