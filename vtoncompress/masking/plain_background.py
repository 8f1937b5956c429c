"""A mask without any network, for one person who stands upright and whole before a plain background.

The outline is what stands out from the background; what of it is top, and what trousers, follows from how wide it is.
It knows nothing of hair that falls over the shoulders, of hands on the hips, or of a person who sits: give such a photo
a mask of its own, or use :mod:`vtoncompress.masking.parsing`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image
from vtoncompress.garment_mask import find_garment
from vtoncompress.masking.agnostic import MARGIN, agnostic_mask
from vtoncompress.masking.base import KINDS, Masker

# As shares of the outline's width at half its height, arms included.
SHOULDER_WIDTH = 0.75
NECK_ABOVE_SHOULDERS = 0.12
WAIST_BELOW_SHOULDERS = 0.75
HIP_BELOW_SHOULDERS = 1.2


class PlainBackground(Masker):
    """Takes the outline's rows from the neck to the hips, from the waist down, or both.

    Args:
        garment: ``upper``, ``lower`` or ``overall``.
        margin: by which the mask is wider than the outline, a share of the picture's height, 0 to 0.2.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(self, garment: str = "upper", margin: float = MARGIN, **_: Any) -> None:
        if garment not in KINDS:
            raise ValueError(f"masking.garment={garment}: choose one of {', '.join(KINDS)}")
        if not 0 <= margin <= 0.2:
            raise ValueError(f"masking.margin={margin}: use 0 to 0.2 of the picture's height")
        self.garment, self.margin = garment, margin

    def __call__(self, person: Image) -> Image:
        outline = _outline(person)
        rows = np.flatnonzero(outline.any(1))
        widths = outline.sum(1)
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        body = float(np.median(widths[round(top + 0.4 * (bottom - top)) : round(top + 0.7 * (bottom - top)) + 1]))
        shoulders = top + int(np.argmax(widths[top:bottom] >= SHOULDER_WIDTH * body))
        first = shoulders - NECK_ABOVE_SHOULDERS * body
        if self.garment == "lower":
            first = shoulders + WAIST_BELOW_SHOULDERS * body
        last = shoulders + HIP_BELOW_SHOULDERS * body if self.garment == "upper" else bottom
        row = np.arange(len(outline))
        within = (row >= first) & (row < last)
        # The margin must not creep up over the face.
        above = np.broadcast_to((row < first)[:, None], outline.shape)
        return agnostic_mask(outline & within[:, None], above, self.margin)


def _outline(person: Image) -> NDArray[np.bool_]:
    try:
        return find_garment(person) >= 128
    except ValueError as error:
        raise ValueError(
            "the person's mask can't be made: the person does not stand before a plain background; give the mask with "
            "person_mask=FILE, or use masking=parsing"
        ) from error
