"""Sizes and ages, as people write and read them: ``2GB``, ``1.5 GiB``, ``12h``."""

from __future__ import annotations

import re
from collections.abc import Mapping

BYTES = {"b": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("kmgt", 1)
    for suffix, base in (("b", 1000), ("ib", 1024))
}
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", re.IGNORECASE)


def parse_size(text: object, option: str) -> int:
    """Bytes of a size such as ``500MB`` (1000 KB) or ``1.5 GiB`` (1024 MiB).

    Raises:
        ValueError: no number with a unit; ``option`` is what the message calls it.
    """
    return int(_parse(text, BYTES, f"{option}={text}: write a size with its unit, such as {option}=2GB or 500MiB"))


def parse_age(text: object, option: str) -> float:
    """Seconds of an age such as ``90s``, ``30min``, ``12h``, ``7d``, ``2w``. ValueError as :func:`parse_size`."""
    return _parse(text, SECONDS, f"{option}={text}: write a time with its unit, such as {option}=12h, 30min or 7d")


def show_size(size: int) -> str:
    """Bytes in words, in units of 1000."""
    from rich.filesize import decimal

    return decimal(size)


def show_age(seconds: float) -> str:
    """A duration in the largest unit of which it has at least two."""
    unit = next((unit for unit, length in reversed(SECONDS.items()) if unit != "w" and seconds >= 2 * length), "s")
    return f"{max(0.0, seconds) / SECONDS[unit]:.0f} {unit}"


def _parse(text: object, units: Mapping[str, int], remedy: str) -> float:
    # Nothing is nothing in any unit; any other bare number may be meant in another unit than the one we would guess.
    if str(text) == "0":
        return 0
    written = WRITTEN.fullmatch(str(text).strip())
    if written is None or written[2].lower() not in units:
        raise ValueError(remedy)
    return float(written[1]) * units[written[2].lower()]
