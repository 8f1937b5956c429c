"""From what is seen where in a photo to the mask of what is painted anew: cloth-agnostic, as the field calls it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image

MARGIN = 0.025
"""Of the picture's height, on each side: another garment is wider than the one worn."""

Mask = NDArray[np.bool_]


def agnostic_mask(painted: Mask, kept: Mask, margin: float = MARGIN) -> Image:
    """(H, W) uint8, 255 where the person is painted anew, 0 elsewhere.

    Args:
        painted: (H, W), where the old garment is seen, and the body that the new one may cover.
        kept: (H, W), what stays in any case, such as face, hair and hands.
        margin: by which ``painted`` grows on each side, a share of the height, 0 or more.
    """
    from scipy import ndimage  # loads slowly, and many calls have their mask

    reach = round(margin * painted.shape[0])
    grown = ndimage.maximum_filter(painted.astype(np.uint8), 2 * reach + 1) > 0
    return np.where(grown & ~kept, np.uint8(255), np.uint8(0))


def check_agnostic(mask: Image, person: Image) -> None:
    """ValueError for a mask that a call can't work with: of another size, empty, or over everything.

    Args:
        mask: (H, W) uint8, painted anew from 128 on.
        person: (H, W, 3) uint8.
    """
    if mask.shape != person.shape[:2]:
        raise ValueError(
            f"the person's mask has {mask.shape[1]}x{mask.shape[0]} pixels and the person "
            f"{person.shape[1]}x{person.shape[0]}: give the mask of this very picture, or none"
        )
    inside = mask >= 128
    if not inside.any():
        raise ValueError("the person's mask is empty, so there is nothing to paint: make it white where the garment is")
    if inside.all():
        raise ValueError("the person's mask covers the whole picture, so nobody is left: make it black but for clothes")
