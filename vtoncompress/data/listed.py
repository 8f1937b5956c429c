"""Pairs of photos that a list names: checked before any work, read on access, in whatever layout they lie."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import overload

from vtoncompress.data.base import Image, Pair, TryOnData
from vtoncompress.foreground.base import Foreground
from vtoncompress.foreground.plain_background import PlainBackground
from vtoncompress.image import fit_garment, fit_person, read_image, read_mask

DAMAGED = ("refuse", "skip")
PAIRINGS = ("unpaired", "paired")
MASK_SUFFIXES = (".jpg", ".png", ".jpeg")


@dataclass(frozen=True)
class Listed:
    """A line of a pair list, and its files; the mask is None where the data set has none for this garment."""

    line: str
    person: Path
    garment: Path
    mask: Path | None


class ListedPairs(TryOnData, ABC):
    """What the data sets of photos have in common; each says where its files lie and under which protocol it is scored.

    Attributes:
        pairing: ``unpaired``, where people try on what they don't wear and there is no truth; ``paired``, where they
            wear it already: their photo is the truth, and a network that is shown the photo has seen it.
        left_out: what was left out, a line each: its pair, the file and why.

    Args:
        listed: of all pairs.
        height, width: of all pictures, in pixels. Persons are cropped to this aspect, garments padded.
        pairing: as above.
        damaged: ``refuse`` stops at a file that is missing, and on access at one that is damaged; ``skip`` looks at
            every file now and leaves out the pairs that lack one.
        foreground: makes the masks that the data set lacks; from plain backgrounds where it is None.

    Raises:
        ValueError: an unknown choice, a missing file, or no pair that is left.
    """

    def __init__(
        self,
        listed: Sequence[Listed],
        height: int,
        width: int,
        pairing: str,
        damaged: str,
        foreground: Foreground | None,
    ) -> None:
        check_damaged(damaged)
        check_pairing(pairing)
        self.height, self.width, self.pairing = height, width, pairing
        self._foreground = foreground or PlainBackground()
        self.left_out: list[str] = []
        missing = [path for one in listed for path in (one.person, one.garment) if not path.is_file()]
        if missing and damaged == "refuse":
            pairs = sum(not (one.person.is_file() and one.garment.is_file()) for one in listed)
            raise ValueError(
                f"{len({*missing})} pictures of {pairs} of {len(listed)} pairs are missing, the first is {missing[0]}: "
                "get them, or leave their pairs out with data.damaged=skip"
            )
        self._listed = list(listed) if damaged == "refuse" else self._sound(listed)

    def _sound(self, listed: Sequence[Listed]) -> list[Listed]:
        """Those pairs that can be read; the others are named in ``left_out``."""
        sound = []
        for one in listed:
            damage = _damage(one.person) or _damage(one.garment) or (one.mask and _damage(one.mask, mask=True))
            if damage:
                self.left_out.append(f"{one.line}: {damage}")
            else:
                sound.append(one)
        if not sound:
            raise ValueError(f"none of {len(listed)} pairs can be read; the first: {self.left_out[0]}")
        return sound

    def __len__(self) -> int:
        return len(self._listed)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        one, size = self._listed[index], (self.height, self.width)
        person, garment = fit_person(read_image(one.person), size), read_image(one.garment)
        return Pair(
            name=f"{index % len(self):04d}_{one.person.stem}_{one.garment.stem}",
            person=person,
            garment=fit_garment(garment, size),
            garment_mask=fit_garment(self._mask(one, garment), size),
            truth=person if self.pairing == "paired" else None,
        )

    def person(self, index: int) -> Image:
        return fit_person(read_image(self._listed[index].person), (self.height, self.width))

    def files(self) -> list[Path]:
        paths = {path for one in self._listed for path in (one.person, one.garment, one.mask)}
        return sorted([*(path for path in paths if path is not None), *self._foreground.files()])

    def pair_list(self) -> list[str]:
        return [one.line for one in self._listed]

    def computed_masks(self) -> int:
        """Pairs whose garment has no mask on disk."""
        return sum(one.mask is None for one in self._listed)

    def summary(self) -> str:
        """What is there, in a line or two."""
        found = f"{len(self)} sound pairs, protocol {self.protocol}, {self.pairing}, list {self.pair_list_hash()}"
        if computed := self.computed_masks():
            found += f"\n{computed} garments have no mask on disk: theirs are computed from their plain background"
        return found

    def _mask(self, one: Listed, garment: Image) -> Image:
        """The mask on disk, or one that is made of the garment's picture."""
        try:
            mask = self._foreground(garment) if one.mask is None else read_mask(one.mask)
        except ValueError as error:
            raise ValueError(f"no mask for {one.garment}: {error}") from error
        if mask.shape != garment.shape[:2]:
            raise ValueError(f"{one.mask} and {one.garment} differ in size: remove or replace the mask")
        return mask


def check_damaged(damaged: str) -> None:
    """ValueError for another choice than there are."""
    if damaged not in DAMAGED:
        raise ValueError(f"data.damaged={damaged}: choose one of {', '.join(DAMAGED)}")


def check_pairing(pairing: str) -> None:
    """ValueError for another one than there are."""
    if pairing not in PAIRINGS:
        raise ValueError(f"data.pairing={pairing}: choose one of {', '.join(PAIRINGS)}")


def locate(root: Path | str, places: Sequence[str], needed: Sequence[str], name: str) -> Path:
    """The folder that has all the ``needed`` ones: ``root`` or one of its ``places``.

    Raises:
        ValueError: none has; says what is missing where the most is there.
    """
    candidates = [Path(root) / place for place in places]
    lacking = [[one for one in needed if not (folder / one).is_dir()] for folder in candidates]
    for folder, missing in zip(candidates, lacking, strict=True):
        if not missing:
            return folder
    best = min(range(len(candidates)), key=lambda index: len(lacking[index]))
    there = sorted(one.name for one in Path(root).iterdir()) if Path(root).is_dir() else None
    found = "which does not exist" if there is None else f"which holds {', '.join(there[:8]) or 'nothing'}"
    raise ValueError(
        f"there is no folder {candidates[best] / lacking[best][0]} in {root}, {found}: give data.root=FOLDER of "
        f"{name}, which has {', '.join(needed)}"
    )


def list_pairs(folder: Path, persons: str, garments: str, masks: str, pairs: Sequence[tuple[str, str]]) -> list[Listed]:
    """Pairs of file names whose pictures lie in a folder a kind, within ``folder``."""
    return [
        Listed(
            f"{person} {garment}",
            folder / persons / person,
            folder / garments / garment,
            find_mask(folder / masks, garment),
        )
        for person, garment in pairs
    ]


def find_mask(folder: Path, garment: str) -> Path | None:
    """The mask of a garment's file, by its name up to the suffix."""
    names = dict.fromkeys([garment, *(Path(garment).stem + suffix for suffix in MASK_SUFFIXES)])
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _damage(path: Path, mask: bool = False) -> str:
    """Why a file can't be used; empty where it can."""
    try:
        stat = path.stat()
    except OSError:
        return f"{path} is missing"
    return _look(path, mask, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=100_000)
def _look(path: Path, mask: bool, *_: int) -> str:
    """Once for a file as it is: a sweep builds its data set many times."""
    try:
        (read_mask if mask else read_image)(path)
    except ValueError as error:
        return str(error)
    return ""
