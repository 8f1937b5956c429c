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
from vtoncompress.masking.agnostic import check_agnostic
from vtoncompress.masking.base import Masker
from vtoncompress.masking.none import NoMasker

DAMAGED = ("refuse", "skip")
PAIRINGS = ("unpaired", "paired")
AGNOSTIC = "agnostic-mask"
MASK_SUFFIXES = (".jpg", ".png", ".jpeg")


@dataclass(frozen=True)
class Listed:
    """A line of a pair list, and its files; a mask is None where the data set has none.

    Attributes:
        mask: of the garment.
        agnostic: of the person, where it is painted anew.
        masker: makes ``agnostic`` where it is None.
    """

    line: str
    person: Path
    garment: Path
    mask: Path | None
    agnostic: Path | None = None
    masker: Masker | None = None


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
        masked: give the persons masks, for networks that paint inside one; others are not to stop at a photo of which
            none can be made.

    Raises:
        ValueError: an unknown choice, a missing file, no pair that is left, or masks of persons that nobody makes.
    """

    def __init__(
        self,
        listed: Sequence[Listed],
        height: int,
        width: int,
        pairing: str,
        damaged: str,
        foreground: Foreground | None,
        masked: bool = False,
    ) -> None:
        check_damaged(damaged)
        check_pairing(pairing)
        if masked:
            _check_masked(listed)
        self.masked = masked
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
            masks = [mask for mask in (one.mask, one.agnostic if self.masked else None) if mask]
            reasons = [_damage(one.person), _damage(one.garment), *(_damage(mask, mask=True) for mask in masks)]
            if damage := next(filter(None, reasons), ""):
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
        photo, garment = read_image(one.person), read_image(one.garment)
        person = fit_person(photo, size)
        return Pair(
            name=f"{index % len(self):04d}_{one.person.stem}_{one.garment.stem}",
            person=person,
            garment=fit_garment(garment, size),
            garment_mask=fit_garment(self._mask(one, garment), size),
            truth=person if self.pairing == "paired" else None,
            agnostic_mask=self._agnostic(one, photo.shape[:2], person) if self.masked else None,
        )

    def person(self, index: int) -> Image:
        return fit_person(read_image(self._listed[index].person), (self.height, self.width))

    def files(self) -> list[Path]:
        paths = {path for one in self._listed for path in (one.person, one.garment, one.mask)}
        if self.masked:
            paths |= {one.agnostic for one in self._listed}
            for masker in {one.masker for one in self._listed if one.agnostic is None}:
                # Of a masker, what is deployed: networks of the user's, by name.
                paths |= {file for files in getattr(masker, "files", dict)().values() for file in files}
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
        if self.masked and (made := sum(one.agnostic is None for one in self._listed)):
            found += f"\n{made} persons have no mask on disk: theirs are made by masking"
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

    def _agnostic(self, one: Listed, shape: tuple[int, ...], person: Image) -> Image:
        """Where ``person``, a photo of ``shape`` in the network's size, is painted anew.

        A masker looks at that size, where it takes a fraction of the time.
        """
        if one.agnostic is not None:
            mask = read_mask(one.agnostic)
            if mask.shape != shape:
                raise ValueError(f"{one.agnostic} and {one.person} differ in size: remove or replace the mask")
            mask = fit_person(mask, (self.height, self.width))
        else:
            assert one.masker is not None, "checked at once"
            try:
                mask = one.masker(person)
            except ValueError as error:
                told = str(error).partition(";")[0]  # what follows is the remedy of a call with a photo
                raise ValueError(
                    f"no mask for {one.person}: {told}; choose another masking or add the mask's file "
                    "(docs/datasets.md), or take the pair off the list"
                ) from error
        try:
            check_agnostic(mask, person)
        except ValueError as error:
            raise ValueError(f"{one.agnostic or one.person}: {error}") from error
        return mask


def check_damaged(damaged: str) -> None:
    """ValueError for another choice than there are."""
    if damaged not in DAMAGED:
        raise ValueError(f"data.damaged={damaged}: choose one of {', '.join(DAMAGED)}")


def check_pairing(pairing: str) -> None:
    """ValueError for another one than there are."""
    if pairing not in PAIRINGS:
        raise ValueError(f"data.pairing={pairing}: choose one of {', '.join(PAIRINGS)}")


def _check_masked(listed: Sequence[Listed]) -> None:
    """ValueError where a person has no mask and nobody makes one."""
    lacking = [one.person for one in listed if one.agnostic is None and isinstance(one.masker, NoMasker | None)]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(listed)} persons have no mask on disk, the first is {lacking[0]}: add them, "
            "or have them made with masking@data.masking=plain_background (docs/datasets.md)"
        )


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


def list_pairs(
    folder: Path,
    persons: str,
    garments: str,
    masks: str,
    pairs: Sequence[tuple[str, str]],
    masker: Masker | None = None,
) -> list[Listed]:
    """Pairs of file names whose pictures lie in a folder a kind, within ``folder``; persons' masks in ``AGNOSTIC``."""
    return [
        Listed(
            f"{person} {garment}",
            folder / persons / person,
            folder / garments / garment,
            find_mask(folder / masks, garment),
            find_agnostic(folder / AGNOSTIC, person),
            masker,
        )
        for person, garment in pairs
    ]


def find_mask(folder: Path, garment: str) -> Path | None:
    """The mask of a garment's file, by its name up to the suffix."""
    names = dict.fromkeys([garment, *(Path(garment).stem + suffix for suffix in MASK_SUFFIXES)])
    return next((folder / name for name in names if (folder / name).is_file()), None)


def find_agnostic(folder: Path, person: str) -> Path | None:
    """The mask of a person's file, which may also end in ``_mask``, as VITON-HD's do."""
    return find_mask(folder, f"{Path(person).stem}_mask.png") or find_mask(folder, person)


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
