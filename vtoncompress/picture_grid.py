"""Pictures to look at: a grid of results for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vtoncompress.data.base import Image
from vtoncompress.image import write_image

FOLDER, CHOSEN = "pictures", "chosen"
GAP = 4
HEADER = 18
FONT_SIZES = (12, 11, 10, 9, 8)


def grid_path(folder: Path, variant: str) -> Path:
    """Where the page looks for a variant's grid in an experiment's results folder."""
    return folder / FOLDER / f"{variant}.png"


def chosen_path(folder: Path, variant: str) -> Path:
    """As :func:`grid_path`, for the grid of :mod:`vtoncompress.stage.chosen_pairs`."""
    return folder / FOLDER / CHOSEN / f"{variant}.png"


def write_grid(path: Path, rows: Sequence[Sequence[Image]], titles: Sequence[str]) -> None:
    """Write a PNG of pictures in rows under their columns' titles, whole or not at all.

    About 6 kB a picture of 128x96. A palette would take a third, but its bands would pass for the network's.

    Args:
        path: its folder is made where it is missing.
        rows: (H, W, 3) or (H, W) uint8 pictures, all of one size, as many a row as there are titles.
        titles: a title too wide for its column is set smaller, then cut.
    """
    assert rows, "a grid has at least one row"
    assert all(len(row) == len(titles) for row in rows), "every row has one picture for each title"
    height, width = rows[0][0].shape[:2]
    canvas = Pillow.new("RGB", (len(titles) * (width + GAP) + GAP, HEADER + len(rows) * (height + GAP) + GAP), "white")
    draw = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        text, font = _fit(title, width)
        draw.text((GAP + column * (width + GAP) + width / 2, HEADER / 2 + 1), text, "black", font, anchor="mm")
        for index, row in enumerate(rows):
            assert row[column].shape[:2] == (height, width), "pictures of a grid share one size"
            corner = (GAP + column * (width + GAP), HEADER + GAP + index * (height + GAP))
            canvas.paste(Pillow.fromarray(row[column]).convert("RGB"), corner)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.asarray(canvas))


def difference(first: Image, second: Image, gain: float = 3) -> Image:
    """``gain`` times the absolute difference of two (H, W, 3) uint8 pictures, cut at 255: black where they agree."""
    distance: NDArray[np.float64] = np.abs(first.astype(np.float64) - second)
    return np.minimum(np.rint(gain * distance), 255).astype(np.uint8)


def _fit(title: str, width: int) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """The title and the font in which it is at most ``width`` pixels wide."""
    for size in FONT_SIZES:
        font = ImageFont.load_default(size)
        if font.getlength(title) <= width:
            return title, font
    while title and font.getlength(f"{title}…") > width:
        title = title[:-1]
    return f"{title}…", font
