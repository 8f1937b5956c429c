"""Weights that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "weights"


def checkpoint_folder(source: str) -> Path:
    """The folder of shipped weights called ``source``, or the folder ``source`` itself.

    Raises:
        ValueError: neither exists.
    """
    shipped = FOLDER / source
    if "/" not in source and shipped.is_dir():
        return shipped
    if Path(source).is_dir():
        return Path(source)
    names = ", ".join(sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())) if FOLDER.is_dir() else ""
    raise ValueError(f"there is no checkpoint {source}: give its folder, or the name of shipped weights ({names})")
