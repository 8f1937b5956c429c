"""Real pairs in the layout of PF-AFN's test set; the photos are the user's."""

from __future__ import annotations

from pathlib import Path
from typing import final

from vtoncompress.data.listed import ListedPairs, list_pairs, locate
from vtoncompress.data.pair_list import read_pairs
from vtoncompress.foreground.base import Foreground
from vtoncompress.masking.base import Masker

PERSONS, GARMENTS, MASKS = "test_img", "test_clothes", "test_edge"


@final
class Viton(ListedPairs):
    """Pairs of ``test_img`` and ``test_clothes``, with the masks of ``test_edge``; there is no truth to compare with.

    Args:
        root: the folder that holds those three, or one that has them in ``VITON_test``.
        pair_list: file in that folder with a line ``person.jpg garment.jpg`` a pair; blank lines don't count.
        height, width, damaged, foreground, masked: see :class:`vtoncompress.data.listed.ListedPairs`.
        pairs: how many from the start of the list; None for all.
        masking: makes the masks of persons that ``agnostic-mask`` lacks.

    Raises:
        ValueError: a missing folder, list or picture, a line that is no pair, or more pairs asked for than there are.
            A garment without a mask in ``test_edge`` is no error: its mask is computed.
    """

    protocol = "pf_afn_viton"

    def __init__(
        self,
        root: Path | str,
        pair_list: Path | str,
        height: int,
        width: int,
        pairs: int | None = None,
        damaged: str = "refuse",
        foreground: Foreground | None = None,
        masked: bool = False,
        masking: Masker | None = None,
    ) -> None:
        folder = locate(root, ("", "VITON_test"), (PERSONS, GARMENTS), "PF-AFN's VITON")
        listed = list_pairs(folder, PERSONS, GARMENTS, MASKS, read_pairs(folder / pair_list, pairs), masking)
        super().__init__(listed, height, width, "unpaired", damaged, foreground, masked)
