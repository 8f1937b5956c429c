"""One visit: every chosen recipe on the same two photos."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.demo.follow import Told
from vtoncompress.demo.recipe import Recipe
from vtoncompress.deployment import open_deployment
from vtoncompress.export.base import Tensors
from vtoncompress.pair_error import error
from vtoncompress.picture_grid import difference
from vtoncompress.try_on import TryOn, to_image

TIMED = 3
"""Further calls that are timed where all of them take less than ``PATIENCE`` seconds, by the first one."""
PATIENCE = 1.0
LONG = 10.0
"""Seconds of a first call after which there is no other one to be timed."""
OPEN = 4
"""Networks that stay in memory."""


@dataclass(frozen=True)
class Wish:
    """What a visitor sent.

    Attributes:
        person, garment: (H, W, 3) uint8, each of any size.
        garment_mask: (H, W) uint8 of the garment's size; None where no chosen network looks at one.
        person_mask: likewise of the person, for networks that paint inside one.
        sampling: options for networks that paint in steps; what is not in it is the network's own choice.
    """

    person: Image
    garment: Image
    garment_mask: Image | None = None
    person_mask: Image | None = None
    sampling: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitting:
    """What one recipe made.

    Attributes:
        recipe: which.
        picture: (H, W, 3) uint8.
        latency_ms: of a call, batch 1, photos decoded and masks known before: the median of a few further ones where
            they are quick, of one further one where they are not.
        apart: mean absolute difference to the dense recipe's picture, in levels of 255; None without a dense one of the
            same model and origin, or until that has made its own.
        difference: that difference, three times enlarged.
        steps: in which it was painted; None where it is made in one go.
        first_call: whether the latency is that of the first call after all, because another one takes too long.
    """

    recipe: Recipe
    picture: Image
    latency_ms: float
    apart: float | None = None
    difference: Image | None = None
    steps: int | None = None
    first_call: bool = False


class FittingRoom:
    """Keeps the networks that were used last.

    Args:
        recipes: all that are offered.
        threads: CPU threads of a call; None for the runtime's own choice.
    """

    def __init__(self, recipes: Sequence[Recipe], threads: int | None = None) -> None:
        assert recipes, "something is offered"
        self.recipes = {recipe.name: recipe for recipe in recipes}
        assert len(self.recipes) == len(recipes), "names are unique"
        self._open = lru_cache(maxsize=OPEN)(lambda name: open_deployment(self.recipes[name].folder, threads))
        # A runtime makes one picture at a time, and a visit that was cancelled may still be within a step.
        self._turn = {recipe.name: threading.Lock() for recipe in recipes}

    def runs(self, names: Sequence[str]) -> dict[str, str]:
        """What a visit runs, in turn, and what it is called meanwhile: dense ones that were chosen, other ones that
        were chosen, and dense ones that were not, which nobody waits for and which no chosen picture may wait for.
        """
        chosen = sorted(names, key=lambda one: (not self.recipes[one].dense, names.index(one)))
        aims = [aim for one in chosen if (aim := self._dense_of(one, names)) is not None]
        return {one: one if one in names else f"{one}, for comparison" for one in [*chosen, *aims]}

    def fit(self, names: Sequence[str], wish: Wish, told: Told = lambda *_: None) -> Iterator[Fitting]:
        """What each of the recipes makes, as soon as it is made, and once more as soon as it can be compared.

        ``told`` is called before and after each step, a network without steps being one; what it raises ends the visit.
        """
        pictures: dict[str, Image] = {}
        made: dict[str, Fitting] = {}
        for name, called in self.runs(names).items():
            recipe, chosen = self.recipes[name], name in names
            pictures[name], latency, first = self._call(name, wish, partial(told, called), timed=chosen)
            if chosen:
                made[name] = Fitting(recipe, pictures[name], latency, steps=_steps(recipe, wish), first_call=first)
            for one, fitting in made.items():
                aim = self._dense_of(one, names)
                if name in (one, aim):
                    yield fitting if aim is None else _compared(fitting, pictures.get(aim))

    def _dense_of(self, name: str, chosen: Sequence[str]) -> str | None:
        """The network before compression, in most steps; of several rather one that was chosen."""
        recipe = self.recipes[name]
        alike = [one for one in self.recipes.values() if one.dense and one.is_kin(recipe)]
        dense = min(
            alike,
            key=lambda one: (
                -(one.sampling or {}).get("steps", 0),
                one.name not in chosen,
                one.runtime != recipe.runtime,
            ),
            default=None,
        )
        return None if dense is None else dense.name

    def _call(self, name: str, wish: Wish, told: Callable[[int, int], None], timed: bool) -> tuple[Image, float, bool]:
        """The picture, milliseconds, and whether they are the first call's.

        That one is slower than all others, so that others are timed, where they don't take too long.
        """
        with self._turn[name]:
            told(0, _steps(self.recipes[name], wish) or 1)  # which ends a visit that was cancelled while it waited
            try_on = self._open(name)
            steps = try_on.runtime.sampled(wish.sampling, told)
            picture, seconds = _timed(steps or try_on.runtime, try_on, wish)
            again = 0 if not timed else TIMED if seconds * TIMED <= PATIENCE else int(steps is None and seconds <= LONG)
            if again:
                # Nobody is told of these: what is done would begin anew.
                steps = try_on.runtime.sampled(wish.sampling, lambda *_: None)
                seconds = float(np.median([_timed(steps or try_on.runtime, try_on, wish)[1] for _ in range(again)]))
        if steps is None:
            told(1, 1)
        return picture, 1000 * seconds, not again


def _steps(recipe: Recipe, wish: Wish) -> int | None:
    return None if recipe.sampling is None else int(wish.sampling.get("steps", recipe.sampling["steps"]))


def _compared(one: Fitting, aim: Image | None) -> Fitting:
    if aim is None or aim.shape != one.picture.shape:
        return one
    return replace(one, apart=error(one.picture, aim), difference=difference(aim, one.picture))


def _timed(call: Callable[[Tensors], Tensors], try_on: TryOn, wish: Wish) -> tuple[Image, float]:
    begun = time.perf_counter()
    inputs = try_on.prepare(wish.person, wish.garment, wish.garment_mask, wish.person_mask)
    picture = to_image(call(inputs)["image"])
    return picture, time.perf_counter() - begun
