"""Real pairs in DressCode's layout, of one of its three categories or of all; the photos are the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

from vtoncompress.data.listed import Listed, ListedPairs, check_pairing, find_agnostic, find_mask, locate
from vtoncompress.data.pair_list import read_pairs
from vtoncompress.foreground.base import Foreground
from vtoncompress.masking.base import Masker

CATEGORIES = ("upper_body", "lower_body", "dresses")
ALL = "all"
PICTURES, MASKS, AGNOSTIC = "images", "cloth_mask", "agnostic_masks"


@final
class DressCode(ListedPairs):
    """Pairs of ``upper_body``, ``lower_body`` and ``dresses``: persons and garments both lie in ``images``.

    DressCode has no masks of garments; ``cloth_mask``, which others have added, is taken where it is there.

    Args:
        root: the folder that holds the categories.
        category: one of them, or ``all``.
        pair_list: file in each category with a line ``person.jpg garment.jpg`` a pair; ``{pairing}`` in its name is
            filled in.
        height, width, damaged, foreground, masked: see :class:`vtoncompress.data.listed.ListedPairs`.
        pairing: ``unpaired`` or ``paired``.
        pairs: how many from the start of each list; None for all.
        masking: of each category, makes the masks of persons that its ``agnostic_masks`` lacks.

    Raises:
        ValueError: an unknown category, a missing folder, list or picture, a line that is no pair, or more pairs asked
            for than there are.
    """

    protocol = "cat_vton_dresscode"

    def __init__(
        self,
        root: Path | str,
        category: str,
        pair_list: str,
        height: int,
        width: int,
        pairing: str = "unpaired",
        pairs: int | None = None,
        damaged: str = "refuse",
        foreground: Foreground | None = None,
        masked: bool = False,
        masking: Mapping[str, Masker] | None = None,
    ) -> None:
        check_pairing(pairing)
        if category not in (*CATEGORIES, ALL):
            raise ValueError(f"data.category={category}: choose one of {', '.join(CATEGORIES)}, {ALL}")
        self.category = category
        chosen = CATEGORIES if category == ALL else (category,)
        folder = locate(root, ("", "DressCode"), [f"{one}/{PICTURES}" for one in chosen], "DressCode")
        listed = [
            Listed(
                f"{one}/{person} {one}/{garment}",
                folder / one / PICTURES / person,
                folder / one / PICTURES / garment,
                find_mask(folder / one / MASKS, garment),
                find_agnostic(folder / one / AGNOSTIC, person),
                (masking or {}).get(one),
            )
            for one in chosen
            for person, garment in read_pairs(folder / one / pair_list.format(pairing=pairing), pairs)
        ]
        super().__init__(listed, height, width, pairing, damaged, foreground, masked)
