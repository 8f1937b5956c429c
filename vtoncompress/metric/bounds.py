"""What bounds each layer of a network: what the processor computes at best, or what memory moves, both measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtoncompress.export.base import LayerTime

ARITHMETIC, MEMORY = "arithmetic", "memory"
MODULE = re.compile(r"__module\.([\w.]+)")
DEPTH = 3
"""Components of a module's name by which layers are added up, up to the first number."""


@dataclass(frozen=True)
class Rates:
    """What this machine reached, in the same run.

    Attributes:
        gmacs_per_s: of a large convolution, by the precision it computes in.
        gigabytes_per_s: of a large copy, what is read and what is written.
    """

    gmacs_per_s: Mapping[str, float]
    gigabytes_per_s: float

    def arithmetic_ms(self, layer: LayerTime) -> float | None:
        """No less for its products; None where nobody measured its precision."""
        if not layer.macs:
            return 0.0
        rate = self.gmacs_per_s.get("u8" if layer.precision == "i8" else layer.precision)
        return None if rate is None else layer.macs / rate / 1e6

    def memory_ms(self, layer: LayerTime) -> float:
        """No less for its bytes, if all of them come from memory and go there; caches can be faster."""
        return layer.moved_bytes / self.gigabytes_per_s / 1e6

    def bound(self, layer: LayerTime) -> tuple[str, float | None]:
        """Which of the two is longer, and how long; None where that isn't known."""
        products, moving = self.arithmetic_ms(layer), self.memory_ms(layer)
        if products is None:
            return ARITHMETIC, None
        return (ARITHMETIC, products) if products >= moving else (MEMORY, moving)


def module_of(layer: LayerTime) -> str:
    """The module that a layer belongs to, coarsely: ``warp.image_FPN.smooth``; ``other`` where no module made it."""
    found = MODULE.search(layer.name)
    if found is None:
        return "other"
    parts = found[1].split(".")
    number = next((place for place, part in enumerate(parts) if part.isdigit()), len(parts))
    return ".".join(parts[: min(number, DEPTH)])


def add_up(groups: Iterable[tuple[str, LayerTime]], rates: Rates) -> list[dict[str, Any]]:
    """One line a group, the longest first: milliseconds, GMACs, megabytes, and the floors of its layers by bound.

    ``floor_ms`` is the sum of the layers' bounds, and ``bound`` what the larger share of it is.
    """
    gathered: dict[str, list[LayerTime]] = {}
    for name, layer in groups:
        gathered.setdefault(name, []).append(layer)
    lines = [_line(name, layers, rates) for name, layers in gathered.items()]
    return sorted(lines, key=lambda line: -line["ms"])


def _line(name: str, layers: Sequence[LayerTime], rates: Rates) -> dict[str, Any]:
    floors = {ARITHMETIC: 0.0, MEMORY: 0.0}
    for layer in layers:
        kind, floor = rates.bound(layer)
        floors[kind] += floor or 0.0
    taken, macs = sum(layer.milliseconds for layer in layers), sum(layer.macs for layer in layers)
    return {
        "name": name,
        "ms": round(taken, 3),
        "gmacs": round(macs / 1e9, 4),
        "gmacs_per_s": round(macs / taken / 1e6, 1),
        "megabytes": round(sum(layer.moved_bytes for layer in layers) / 1e6, 3),
        "floor_ms": round(sum(floors.values()), 3),
        "bound": max(floors, key=floors.__getitem__),
    }
