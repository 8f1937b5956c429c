"""Layers to keep in float: the most harmful ones, as many as it takes until all others in INT8 meet the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vtoncompress.sensitivity.quantization.analysis import DIFFERENCE, Attempt, Point


def by_harm(points: Sequence[Point]) -> list[str]:
    """Names of what may be INT8, the most harmful first: by the budget they spend, then by the pictures' difference."""
    free = [point for point in points if not point.always_float]
    return [point.name for point in sorted(free, key=lambda point: (-point.spent, -point.values[DIFFERENCE]))]


def choose(ranked: Sequence[str], measure: Callable[[tuple[str, ...]], Attempt]) -> list[Attempt]:
    """All attempts by the number of names they keep; the first of them within its budget keeps fewest.

    Losses of single layers don't add up, so every attempt is a network that is measured: none kept, 1, 2, 4 ... of
    ``ranked``, and then the half of what is left between the last that failed and the first that didn't.

    Args:
        ranked: of :func:`by_harm`.
        measure: the names that are kept in float -> the network with all others in INT8. To keep all costs nothing.
    """
    attempts: dict[int, Attempt] = {}

    def fits(count: int) -> bool:
        attempts[count] = measure(tuple(ranked[:count]))
        return count == len(ranked) or attempts[count].spent <= 1

    failed, count = -1, 0
    while not fits(count):
        failed, count = count, min(max(1, 2 * count), len(ranked))
    while count - failed > 1:
        middle = (failed + count) // 2
        if fits(middle):
            count = middle
        else:
            failed = middle
    return [attempts[number] for number in sorted(attempts)]
