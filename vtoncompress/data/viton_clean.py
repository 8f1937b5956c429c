"""Real pairs in the layout of DM-VTON's VITON-Clean, 416 of them; the photos are the user's."""

from __future__ import annotations

from pathlib import Path
from typing import final

from vtoncompress.data.listed import ListedPairs, list_pairs, locate
from vtoncompress.data.pair_list import read_pairs
from vtoncompress.foreground.base import Foreground
from vtoncompress.masking.base import Masker

PERSONS, GARMENTS, MASKS = "test_img", "test_color", "test_edge"


@final
class VitonClean(ListedPairs):
    """Pairs of ``test_img`` and ``test_color``, with the masks of ``test_edge``; there is no truth to compare with.

    Args:
        root: the folder that holds ``VITON_test``, or that folder.
        pair_list: file beside those three with a line ``person.jpg garment.jpg`` a pair.
        height, width, damaged, foreground, masked: see :class:`vtoncompress.data.listed.ListedPairs`.
        pairs: how many from the start of the list; None for all.
        masking: makes the masks of persons that ``agnostic-mask`` lacks.

    Raises:
        ValueError: as :class:`vtoncompress.data.viton.Viton`.
    """

    protocol = "dm_vton_clean"

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
        folder = locate(root, ("", "VITON_test"), (PERSONS, GARMENTS), "VITON-Clean")
        listed = list_pairs(folder, PERSONS, GARMENTS, MASKS, read_pairs(folder / pair_list, pairs), masking)
        super().__init__(listed, height, width, "unpaired", damaged, foreground, masked)
