"""Body parts as DensePose numbers them: the I of its IUV, one index a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.image import read_labels

PARTS = 25
"""0 is the background, 1 and 2 the trunk, 23 and 24 the head."""
HANDS = (3, 4)


def read_parts(path: Path) -> Image:
    """(H, W) uint8 in 0 to 24, from an array (.npy) or a picture with one index a pixel.

    Raises:
        ValueError: another content; nothing in the file is executed.
    """
    if path.suffix != ".npy":
        parts = read_labels(path)
    else:
        try:
            parts = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"{path} is no array, a damaged one, or one of Python objects: save it again") from error
    whole = parts.ndim == 2 and parts.size > 0 and parts.dtype.kind in "uif"
    if not (whole and (parts == np.round(parts)).all() and parts.min() >= 0 and parts.max() < PARTS):
        raise ValueError(
            f"{path} ({parts.dtype}, {'x'.join(map(str, parts.shape))}) is no map of DensePose's parts: "
            f"save the I of IUV, whole numbers from 0 to {PARTS - 1}, a number a pixel"
        )
    return parts.astype(np.uint8)
