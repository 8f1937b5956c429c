"""Real pairs in the layout of PF-AFN's test set; the photos are the user's."""

from __future__ import annotations

from pathlib import Path
from typing import overload

from vtoncompress.data.base import Pair, TryOnData
from vtoncompress.garment_mask import find_garment
from vtoncompress.image import fit_garment, fit_person, read_image, read_mask

PERSONS, GARMENTS, MASKS = "test_img", "test_clothes", "test_edge"


class Viton(TryOnData):
    """Pairs of ``test_img`` and ``test_clothes``, with the masks of ``test_edge``; there is no truth to compare with.

    Args:
        root: the folder that holds those three.
        pair_list: file in ``root`` with a line ``person.jpg garment.jpg`` a pair; blank lines don't count.
        height, width: of all pictures, in pixels. Persons are cropped to this aspect, garments padded.
        pairs: how many from the start of the list; None for all.

    Raises:
        ValueError: a missing folder, list or picture, a line that is no pair, or more pairs asked for than there are.
            A garment without a mask in ``test_edge`` is no error: its mask is computed.
    """

    protocol = "pf_afn_viton"

    def __init__(
        self, root: Path | str, pair_list: Path | str, height: int, width: int, pairs: int | None = None
    ) -> None:
        self.root, self.height, self.width = Path(root), height, width
        for folder in (PERSONS, GARMENTS):
            if not (self.root / folder).is_dir():
                raise ValueError(f"there is no folder {self.root / folder}: give data.root=/path/to/VITON that has it")
        self._pairs = _read_pairs(self.root / pair_list, pairs)
        pictures = [self.root / GARMENTS / garment for _, garment in self._pairs]
        pictures += [self.root / PERSONS / person for person, _ in self._pairs]
        if missing := [picture for picture in pictures if not picture.is_file()]:
            raise ValueError(
                f"{len(missing)} pictures of {self.root / pair_list} are missing, the first is {missing[0]}"
            )

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        person, garment = self._pairs[index]
        size = (self.height, self.width)
        picture = read_image(self.root / GARMENTS / garment)
        mask_file = self.root / MASKS / garment
        try:
            mask = read_mask(mask_file) if mask_file.is_file() else find_garment(picture)
        except ValueError as error:
            raise ValueError(f"no mask for {self.root / GARMENTS / garment}: {error}") from error
        if mask.shape != picture.shape[:2]:
            raise ValueError(
                f"{mask_file} and {self.root / GARMENTS / garment} differ in size: remove or replace the mask"
            )
        return Pair(
            name=f"{index % len(self):04d}_{Path(person).stem}_{Path(garment).stem}",
            person=fit_person(read_image(self.root / PERSONS / person), size),
            garment=fit_garment(picture, size),
            garment_mask=fit_garment(mask, size),
        )

    def files(self) -> list[Path]:
        persons = [self.root / PERSONS / person for person, _ in self._pairs]
        garments = [self.root / folder / garment for _, garment in self._pairs for folder in (GARMENTS, MASKS)]
        return sorted({path for path in (*persons, *garments) if path.is_file()})

    def pair_list(self) -> list[str]:
        return [f"{person} {garment}" for person, garment in self._pairs]


def _read_pairs(path: Path, limit: int | None) -> list[tuple[str, str]]:
    if limit is not None and limit < 1:
        raise ValueError(f"data.pairs is {limit}: ask for at least 1, or null for all")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the pair list {path} can't be read: give data.pair_list=FILE") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        match line.split():
            case [person, garment]:
                pairs.append((person, garment))
            case []:
                continue
            case _:
                raise ValueError(f"{path} line {number} is {line[:60]!r}: write 'person.jpg garment.jpg'")
    if not pairs or len(pairs) < (limit or 0):
        raise ValueError(f"{path} has {len(pairs)} pairs: ask for fewer with data.pairs, or add some")
    return pairs[:limit]
