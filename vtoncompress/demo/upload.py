"""Pictures as a visitor sends them: looked at before they are decoded, and refused in a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from vtoncompress.data.base import Image
from vtoncompress.image import FORMATS, read_image

UNREADABLE = "This file is no picture that can be read: send a JPEG, PNG or WebP."
UNPAINTED = "This painted mask can't be read: paint it on this page, in one layer."


@dataclass(frozen=True)
class Limits:
    """What the server takes on.

    Attributes:
        upload_mb: of a file, in units of 1000 kB; the server cuts the connection there.
        megapixels: of a picture.
        queue: visits that wait, of everybody; the next one is told to come again.
        concurrency: visits at once.
        seconds: of one visit, after which no further recipe or step is begun.
        steps: of a network that paints in steps.
    """

    upload_mb: float
    megapixels: float
    queue: int
    concurrency: int
    seconds: float
    steps: int = 50

    def __post_init__(self) -> None:
        for name in ("upload_mb", "megapixels", "queue", "concurrency", "seconds", "steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ValueError(f"limits.{name}={value}: use a number above 0")


def read_photo(path: Path, limits: Limits) -> Image:
    """(H, W, 3) uint8. ValueError, in a line without the file's place, where it is no picture or too large a one."""
    width, height = _size(path, UNREADABLE)
    if width * height > limits.megapixels * 1e6:
        raise ValueError(
            f"This picture has {width * height / 1e6:.0f} megapixels: send one of at most {limits.megapixels:g}."
        )
    try:
        return read_image(path)
    except ValueError as error:
        raise ValueError(f"This picture{str(error).removeprefix(str(path))}.") from None


def read_layer(path: Path, side: int) -> Image:
    """(h, w, 4) uint8, what was painted on a canvas of ``side`` pixels; ValueError, in a line, where it is no such."""
    width, height = _size(path, UNPAINTED)
    if width * height > side**2:
        raise ValueError(UNPAINTED)
    try:
        with Pillow.open(path, formats=FORMATS) as picture:
            return np.asarray(picture.convert("RGBA"))
    except Exception:  # as a damaged header
        raise ValueError(UNPAINTED) from None


def _size(path: Path, refusal: str) -> tuple[int, int]:
    try:
        with Pillow.open(path, formats=FORMATS) as picture:
            return picture.size
    except Exception:  # a damaged header may raise anything
        raise ValueError(refusal) from None
