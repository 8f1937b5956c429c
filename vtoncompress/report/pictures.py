"""What the rows paint, beside what the dense network paints: a typical and the worst pair of each.

Read from the grids that every variant leaves in ``pictures/``, whose pixels are the network's own.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from vtoncompress.data.base import Image
from vtoncompress.pair_error import PAIR_ERROR, error, typical_and_worst
from vtoncompress.picture_grid import GAP, HEADER, chosen_path, difference, grid_path
from vtoncompress.record import Record

PERSON, GARMENT, RESULT, TRUTH = range(4)
"""Columns of the grid of the first pairs."""
TITLES = ("person", "garment", "truth", "dense result", "this result", "difference ×3")
WHY = ("typical", "worst")
MOST = 95


@dataclass(frozen=True)
class Shown:
    """One pair.

    Attributes:
        why: ``typical`` or ``worst``.
        pair: its place in the test data, from 1.
        error: see :attr:`Gallery.error`.
        pictures: data addresses, in the order of :attr:`Gallery.titles`; empty where there is no such picture.
    """

    why: str
    pair: int
    error: float
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """What one row shows.

    Attributes:
        variant: the row.
        error: what ``Shown.error`` is, in words.
        pairs: how many there were to choose from.
        most: below which the error of ``MOST`` of 100 pairs is.
        titles: of the pictures of a pair; the truth is left out where nobody knows it.
        shown: the pair whose error is in the middle, and the one with the largest.
    """

    variant: str
    error: str
    pairs: int
    most: float
    titles: tuple[str, ...]
    shown: list[Shown]


def gallery(folder: Path, record: Record, dense: Record | None) -> Gallery | None:
    """The pictures of a row in an experiment's results folder; None where it left none."""
    return _of_chosen(folder, record) or _of_first(folder, record, dense)


def _of_chosen(folder: Path, record: Record) -> Gallery | None:
    """What the row's own stage chose by the error of all pairs."""
    told: dict[str, Any] = record.details.get(PAIR_ERROR, {})
    rows = read_grid(chosen_path(folder, record.variant), record)
    if not told or not rows:
        return None
    places = [told[why] for why in WHY]
    pictures = []
    for person, garment, dense, result, *rest in rows:
        truth = rest[0] if len(rest) > 1 else None
        pictures.append([person, garment, truth, dense, result, rest[-1]])
    return _gallery(record, str(told["aim"]), told["errors"], places, pictures)


def _of_first(folder: Path, record: Record, dense: Record | None) -> Gallery | None:
    """Of a row that was measured before errors were kept: chosen among the first pairs, whose pictures it left."""
    rows = read_grid(grid_path(folder, record.variant), record)
    others: list[list[Image]] = []
    if dense is not None:
        others = read_grid(grid_path(folder, dense.variant), dense)
    has_truth = bool(rows) and len(rows[0]) > TRUTH
    if not rows or not (has_truth or others):
        return None
    aims = [row[TRUTH] for row in rows] if has_truth else [row[RESULT] for row in others]
    errors = [error(row[RESULT], aim) for row, aim in zip(rows, aims, strict=False)]
    places = typical_and_worst(errors)
    pictures: list[list[Image | None]] = []
    for place in places:
        row, other = rows[place], others[place][RESULT] if others else None
        apart = None if other is None else difference(other, row[RESULT])
        pictures.append([row[PERSON], row[GARMENT], row[TRUTH] if has_truth else None, other, row[RESULT], apart])
    return _gallery(record, "truth" if has_truth else "dense result", errors, places, pictures)


def _gallery(
    record: Record, aim: str, errors: Sequence[float], places: Sequence[int], pictures: Sequence[Sequence[Image | None]]
) -> Gallery:
    known = [place for place, title in enumerate(TITLES) if title != "truth" or pictures[0][place] is not None]
    shown = [
        Shown(why, place + 1, errors[place], tuple(_address(row[column]) for column in known))
        for why, place, row in zip(WHY, places, pictures, strict=True)
    ]
    told = f"mean absolute difference to the {aim}, in levels of 255"
    most, titles = float(np.percentile(errors, MOST)), tuple(TITLES[column] for column in known)
    return Gallery(record.variant, told, len(errors), most, titles, shown)


def read_grid(path: Path, record: Record) -> list[list[Image]]:
    """The pictures of a row's grid, row by row; none where there is no such file."""
    size = record.trust.get("picture_size")
    if not path.is_file() or not size:
        return []
    height, width = size
    with Pillow.open(path) as picture:
        grid = np.asarray(picture.convert("RGB"))
    down, across = (grid.shape[0] - HEADER - GAP) // (height + GAP), (grid.shape[1] - GAP) // (width + GAP)
    return [
        [
            grid[top : top + height, left : left + width]
            for left in (GAP + column * (width + GAP) for column in range(across))
        ]
        for top in (HEADER + GAP + row * (height + GAP) for row in range(down))
    ]


def _address(picture: Image | None) -> str:
    return "" if picture is None else _encode(picture.tobytes(), picture.shape)


@lru_cache(maxsize=256)  # persons, garments and dense results are those of many rows
def _encode(pixels: bytes, shape: tuple[int, ...]) -> str:
    """Lossless: what a lossy format would add could pass for the network's own mistakes."""
    file = io.BytesIO()
    picture = Pillow.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape))
    picture.save(file, format="WEBP", lossless=True, quality=20, method=1)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
