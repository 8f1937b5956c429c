"""The data set: pair i is person P_i in garment A_i, and the same person in garment B_i."""

from __future__ import annotations

from typing import overload

import numpy as np

from vtoncompress.data.base import Image, Pair, TryOnData
from vtoncompress.data.synthetic.body import draw_body
from vtoncompress.data.synthetic.garment import Garment, sample_garment
from vtoncompress.data.synthetic.person import Person, sample_person
from vtoncompress.data.synthetic.shop import draw_garment
from vtoncompress.data.synthetic.worn import draw_person, dress, painted_anew

_SPLITS = {"train": 1, "test": 2}
_PERSON, _WORN, _TARGET = 1, 2, 3
"""Parts of a pair, each with a stream of random numbers of its own."""


class Synthetic(TryOnData):
    """Try-on pairs drawn by the code: the same pictures for the same index on any machine, no file needed.

    Args:
        split: "train" or "test"; they share no person and no garment.
        pairs: how many; a larger set begins with the pairs of a smaller one. ``train`` and ``test`` have no end.
        height: of the pictures in pixels, a multiple of 32.
        width: three quarters of the height, a multiple of 32.
        seed: of the whole world of people and garments.

    Raises:
        ValueError: for an unknown split, no pairs, or a size of another form.
    """

    protocol = "generated"
    masked = True

    def __init__(self, split: str, pairs: int, height: int, width: int, seed: int = 0) -> None:
        if split not in _SPLITS:
            raise ValueError(f"unknown split {split!r}: choose one of {', '.join(_SPLITS)}")
        if pairs < 1:
            raise ValueError(f"pairs is {pairs}: ask for at least 1")
        if height < 1 or height % 32 or width % 32 or 3 * height != 4 * width:
            raise ValueError(
                f"pictures can't be {height}x{width}: choose multiples of 32 in the ratio 4:3, such as 256x192"
            )
        if seed < 0:
            raise ValueError(f"seed is {seed}: choose 0 or more")
        self.split, self.pairs, self.height, self.width, self.seed = split, pairs, height, width, seed

    def __len__(self) -> int:
        return self.pairs

    def parameters(self, index: int) -> tuple[Person, Garment, Garment]:
        """Person P_i, the garment A_i it wears in the input picture, and the target garment B_i."""

        def stream(part: int) -> np.random.Generator:
            return np.random.Generator(np.random.PCG64(np.random.SeedSequence([*world, index, part])))

        world = (self.seed, _SPLITS[self.split])
        return sample_person(stream(_PERSON)), sample_garment(stream(_WORN)), sample_garment(stream(_TARGET))

    def name(self, index: int) -> str:
        """The name of a pair, the same in any set that has it."""
        return f"{self.split}_{self.seed}_{index:06d}"

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.pairs))]
        index = index + self.pairs if index < 0 else index
        if not 0 <= index < self.pairs:
            raise IndexError(index)
        person, worn, target = self.parameters(index)
        body = draw_body(person, self.height, self.width)
        before, after = dress(body, worn), dress(body, target)
        garment, mask = draw_garment(target, self.height, self.width)
        return Pair(
            self.name(index), before.image, garment, mask, after.image, after.region, after.flow, painted_anew(before)
        )

    def person(self, index: int) -> Image:
        person, worn, _ = self.parameters(index)
        return draw_person(person, worn, self.height, self.width).image

    def pair_list(self) -> list[str]:
        """One line a pair: its name, which with the code fixes its pictures."""
        return [self.name(index) for index in range(self.pairs)]
