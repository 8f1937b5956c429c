"""A data set without its first pairs, which something else has learned from."""

from __future__ import annotations

from pathlib import Path
from typing import overload

from vtoncompress.data.base import Image, Pair, TryOnData


class Rest(TryOnData):
    """Pair i is pair ``skipped + i`` of ``data``.

    Raises:
        ValueError: nothing is left, or ``skipped`` is below 0.
    """

    def __init__(self, data: TryOnData, skipped: int) -> None:
        if not 0 <= skipped < len(data):
            raise ValueError(f"{skipped} of {len(data)} training pairs are to be skipped: use 0 to {len(data) - 1}")
        self.data, self.skipped = data, skipped
        self.protocol, self.height, self.width = data.protocol, data.height, data.width
        self.masked = data.masked

    def __len__(self) -> int:
        return len(self.data) - self.skipped

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.data[self.skipped + index]

    def person(self, index: int) -> Image:
        return self.data.person(self.skipped + index)

    def pair_list(self) -> list[str]:
        return self.data.pair_list()[self.skipped :]

    def files(self) -> list[Path]:
        return self.data.files()


def rest_of(data: TryOnData, skipped: int) -> TryOnData:
    """``data`` without its first ``skipped`` pairs; itself where none is skipped."""
    return Rest(data, skipped) if skipped else data
