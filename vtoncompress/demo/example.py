"""Drawn people and garments, which the shipped network has never seen."""

from __future__ import annotations

from pathlib import Path

from vtoncompress.data.synthetic import Synthetic
from vtoncompress.image import write_image

SIZE = (512, 384)
SEED = 11
"""Of other people than those of the tables."""


def write_examples(folder: Path, count: int = 3) -> list[list[str]]:
    """Write ``count`` pairs as PNG and return the paths, person and garment. All of them are drawn by the code."""
    paths = []
    for number, pair in enumerate(Synthetic("test", count, *SIZE, seed=SEED)):
        files = [folder / f"person_{number + 1}.png", folder / f"garment_{number + 1}.png"]
        for path, picture in zip(files, (pair.person, pair.garment), strict=True):
            write_image(path, picture)
        paths.append([str(path) for path in files])
    return paths
