"""Pair lists: a person and a garment a line."""

from __future__ import annotations

from pathlib import Path


def read_pairs(path: Path, limit: int | None) -> list[tuple[str, str]]:
    """File names of persons and garments, in order; blank lines don't count, and Windows' line ends are as good.

    Args:
        path: a text file, ``person.jpg garment.jpg`` a line, apart by blanks or tabs.
        limit: how many from the start; None for all.

    Raises:
        ValueError: no such file, a line that is no pair, or fewer pairs than asked for.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"data.pairs is {limit}: ask for at least 1, or null for all")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the pair list {path} can't be read: give data.pair_list=FILE") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        match line.split():
            case [person, garment]:
                pairs.append((person, garment))
            case []:
                continue
            case _:
                raise ValueError(f"{path} line {number} is {line[:60]!r}: write 'person.jpg garment.jpg'")
    if not pairs or len(pairs) < (limit or 0):
        raise ValueError(f"{path} has {len(pairs)} pairs: ask for fewer with data.pairs, or add some")
    return pairs[:limit]
