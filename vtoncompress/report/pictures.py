"""What the rows paint, beside what the dense network paints: a typical and the worst pair of each.

Read from the grids that every variant leaves in ``pictures/``, whose pixels are the network's own.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from vtoncompress.data.base import Image
from vtoncompress.picture_grid import GAP, HEADER, difference, grid_path
from vtoncompress.record import Record

PERSON, GARMENT, RESULT, TRUTH = range(4)
TITLES = ("person", "garment", "dense result", "this result", "difference ×3")


@dataclass(frozen=True)
class Shown:
    """One pair.

    Attributes:
        why: ``typical`` or ``worst``.
        pair: its place in the test data, from 1.
        error: see :attr:`Gallery.error`.
        pictures: data addresses, in the order of ``TITLES``.
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
        shown: the pair whose error is in the middle, and the one with the largest.
    """

    variant: str
    error: str
    pairs: int
    shown: list[Shown]


def gallery(folder: Path, record: Record, dense: Record | None) -> Gallery | None:
    """The pictures of a row in an experiment's results folder; None where it left none."""
    rows = read_grid(folder, record)
    if not rows:
        return None
    others: Sequence[Sequence[Image]] = (read_grid(folder, dense) if dense is not None else []) or [()] * len(rows)
    has_truth = len(rows[0]) > TRUTH
    if not has_truth and not others[0]:
        return None
    against = [row[TRUTH] if has_truth else other[RESULT] for row, other in zip(rows, others, strict=False)]
    errors = [float(np.abs(row[RESULT].astype(np.int16) - aim).mean()) for row, aim in zip(rows, against, strict=False)]
    order = np.argsort(errors, kind="stable")
    chosen = {"typical": int(order[(len(errors) - 1) // 2]), "worst": int(order[-1])}
    shown = [
        Shown(why, place + 1, errors[place], tuple(_addresses(rows[place], others[place] if others[0] else ())))
        for why, place in chosen.items()
    ]
    aim = "truth" if has_truth else "dense network's result"
    return Gallery(record.variant, f"mean absolute difference to the {aim}, in levels of 255", len(rows), shown)


def read_grid(folder: Path, record: Record) -> list[list[Image]]:
    """The pictures of a row's grid, pair by pair: person, garment, result and, where it is known, truth."""
    path, size = grid_path(folder, record.variant), record.trust.get("picture_size")
    if not path.is_file() or not size:
        return []
    height, width = size
    with Pillow.open(path) as picture:
        grid = np.asarray(picture.convert("RGB"))
    down, across = (grid.shape[0] - HEADER - GAP) // (height + GAP), (grid.shape[1] - GAP) // (width + GAP)
    return [
        [
            grid[top : top + height, left : left + width]
            for left in (GAP + column * (width + GAP) for column in range(min(across, TRUTH + 1)))
        ]
        for top in (HEADER + GAP + row * (height + GAP) for row in range(down))
    ]


def _addresses(row: Sequence[Image], other: Sequence[Image]) -> Iterator[str]:
    """Where the dense row left no pictures its column and the difference stay empty."""
    yield from (_address(row[PERSON]), _address(row[GARMENT]))
    yield _address(other[RESULT]) if other else ""
    yield _address(row[RESULT])
    yield _address(difference(other[RESULT], row[RESULT])) if other else ""


def _address(picture: Image) -> str:
    return _encode(picture.tobytes(), picture.shape)


@lru_cache(maxsize=256)  # persons, garments and dense results are those of many rows
def _encode(pixels: bytes, shape: tuple[int, ...]) -> str:
    """Lossless: what a lossy format would add could pass for the network's own mistakes."""
    file = io.BytesIO()
    picture = Pillow.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape))
    picture.save(file, format="WEBP", lossless=True, quality=20, method=1)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
