"""Generated pairs whose garment nobody is shown: of them a network learns to paint people, and nothing of try-on."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

import numpy as np

from vtoncompress.data.base import Image, Pair, TryOnData
from vtoncompress.data.synthetic.pair import Synthetic


class WithoutGarment(TryOnData):
    """The pairs of :class:`Synthetic` with a white picture for the garment and nothing in its mask; all else is theirs.

    A network that was trained on them paints somebody's clothes, as the inpainting network does that CatVTON starts
    from: what it is taught afterwards is try-on alone.

    Args:
        others: see :class:`vtoncompress.data.synthetic.pair.Synthetic`, whose errors these are.
    """

    protocol = "generated"
    masked = True

    def __init__(self, split: str, pairs: int, height: int, width: int, seed: int = 0) -> None:
        self._pairs = Synthetic(split, pairs, height, width, seed)
        self.height, self.width = height, width

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        pair = self._pairs[index]
        white, nothing = np.full_like(pair.garment, 255), np.zeros_like(pair.garment_mask)
        return replace(pair, garment=white, garment_mask=nothing)

    def person(self, index: int) -> Image:
        return self._pairs.person(index)

    def pair_list(self) -> list[str]:
        return [f"{name} without garment" for name in self._pairs.pair_list()]
