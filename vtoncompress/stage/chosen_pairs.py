"""Two of a network's test pairs to look at: a typical one and the worst, by the error of every pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from vtoncompress.data.base import Image, Pair, TryOnData
from vtoncompress.metric.base import Measurement
from vtoncompress.pair_error import error, typical_and_worst
from vtoncompress.picture_grid import difference, write_grid

TITLES = ("person", "garment", "dense result", "result", "truth", "difference")
WITHOUT_TRUTH = 16
"""First pairs that are looked at where a pair's error takes a call of the dense network."""

Paint = Callable[[Pair, int], Image]
"""What is made of a pair and its place in the data."""


def choose(data: TryOnData, result: Paint, dense: Paint, errors: Sequence[float], path: Path) -> Measurement:
    """Write the grid of both pairs, typical first, with columns of ``TITLES`` (no truth where there is none).

    Args:
        data: the test pairs.
        result, dense: what the network and the dense float32 one make of a pair at its place.
        errors: :func:`vtoncompress.pair_error.error` to the truth of every pair; where there is no truth, none, and
            the error is that to the dense network's result, over the first pairs.
        path: of the grid.

    Returns:
        No numbers; details: ``aim`` (``truth`` or ``dense result``), ``errors`` in the pairs' order, ``typical`` and
        ``worst`` as places in it.
    """
    aim = "truth" if len(errors) == len(data) else "dense result"
    if aim != "truth":
        first = [data[place] for place in range(min(WITHOUT_TRUTH, len(data)))]
        errors = [error(result(pair, place), dense(pair, place)) for place, pair in enumerate(first)]
    typical, worst = typical_and_worst(errors)
    rows = []
    for place in (typical, worst):
        pair = data[place]
        made, other = result(pair, place), dense(pair, place)
        truth = [] if aim != "truth" or pair.truth is None else [pair.truth]
        rows.append([pair.person, pair.garment, other, made, *truth, difference(other, made)])
    write_grid(path, rows, TITLES if aim == "truth" else [title for title in TITLES if title != "truth"])
    told = {"aim": aim, "errors": [round(one, 2) for one in errors], "typical": typical, "worst": worst}
    return Measurement(details=told)
