"""What a try-on data set gives: pairs of a person and a garment, with the truth where one exists."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """One try-on task. All pictures share one height H and width W.

    Attributes:
        name: unique within the data set, usable as a file name.
        person: (H, W, 3) uint8, the person in another garment.
        garment: (H, W, 3) uint8, the in-shop garment on white.
        garment_mask: (H, W) uint8, 255 inside the garment, 0 outside, grey on its antialiased edge.
        truth: (H, W, 3) uint8, the same person in this garment; None where no such picture exists.
        region: (H, W) uint8, the share (0 to 255) of this garment in each pixel of ``truth``, occlusion included.
        flow: (H, W, 2) float32, for each pixel of ``truth`` the (x, y) in ``garment`` it shows, in pixels with
            pixel centres at whole numbers; meaningful where ``region`` is not 0.
        agnostic_mask: (H, W) uint8, 255 where ``person`` is painted anew by a model that inpaints, 0 elsewhere; None
            where nobody has made one.
    """

    name: str
    person: Image
    garment: Image
    garment_mask: Image
    truth: Image | None = None
    region: Image | None = None
    flow: NDArray[np.float32] | None = None
    agnostic_mask: Image | None = None


class TryOnData(Sequence[Pair], ABC):
    """A list of pairs under a protocol. Items are made or read on access, so that memory does not grow.

    ``pairing`` is ``paired`` or ``unpaired`` where pairs are photos; ``left_out`` names the pairs that were left out,
    and why, a line each. ``masked``: whether every pair has an ``agnostic_mask``.
    """

    protocol: str
    height: int
    width: int
    pairing: str = ""
    masked: bool = False
    left_out: Sequence[str] = ()

    @abstractmethod
    def pair_list(self) -> list[str]:
        """One line a pair, in order: what identifies it."""

    def person(self, index: int) -> Image:
        """The person of pair ``index``, for who needs nothing else of it."""
        return self[index].person

    def files(self) -> list[Path]:
        """The files that the pairs are read from; none where code draws them."""
        return []

    def pair_list_hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the pair list: equal exactly when two runs used the same pairs."""
        return hashlib.sha256("\n".join(self.pair_list()).encode()).hexdigest()[:16]
