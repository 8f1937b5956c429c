"""Real pairs in VITON-HD's layout; the photos are the user's."""

from __future__ import annotations

from pathlib import Path
from typing import final

from vtoncompress.data.listed import ListedPairs, check_pairing, list_pairs, locate
from vtoncompress.data.pair_list import read_pairs
from vtoncompress.foreground.base import Foreground
from vtoncompress.masking.base import Masker

PERSONS, GARMENTS, MASKS = "image", "cloth", "cloth-mask"


@final
class VitonHd(ListedPairs):
    """Pairs of ``test/image`` and ``test/cloth``, with the masks of ``test/cloth-mask``.

    Args:
        root: the folder that holds ``test`` and the pair list.
        pair_list: file in ``root`` with a line ``person.jpg garment.jpg`` a pair.
        height, width, damaged, foreground, masked: see :class:`vtoncompress.data.listed.ListedPairs`.
        pairing: ``unpaired`` takes the garments of the list; ``paired`` the list's persons in the garments that they
            wear, which have the same name.
        pairs: how many from the start of the list; None for all.
        masking: makes the masks of persons that ``agnostic-mask`` lacks.

    Raises:
        ValueError: a missing folder, list or picture, a line that is no pair, or more pairs asked for than there are.
    """

    protocol = "cat_vton_vitonhd"

    def __init__(
        self,
        root: Path | str,
        pair_list: Path | str,
        height: int,
        width: int,
        pairing: str = "unpaired",
        pairs: int | None = None,
        damaged: str = "refuse",
        foreground: Foreground | None = None,
        masked: bool = False,
        masking: Masker | None = None,
    ) -> None:
        check_pairing(pairing)
        folder = locate(root, ("test", ""), (PERSONS, GARMENTS), "VITON-HD")
        beside = folder.parent if folder != Path(root) else folder
        read = read_pairs(beside / pair_list, pairs)
        named = [(person, person if pairing == "paired" else garment) for person, garment in read]
        listed = list_pairs(folder, PERSONS, GARMENTS, MASKS, named, masking)
        super().__init__(listed, height, width, pairing, damaged, foreground, masked)
