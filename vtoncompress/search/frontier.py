"""Which points no other point beats, and how much they beat together."""

from __future__ import annotations

from collections.abc import Sequence

Losses = Sequence[float]


def non_dominated(points: Sequence[Losses]) -> list[int]:
    """Indices of the points that no other one is as good as in everything and better than in something. Less is better.

    Equal points stay together.
    """
    return [index for index, point in enumerate(points) if not any(_dominates(other, point) for other in points)]


def _dominates(one: Losses, other: Losses) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def hypervolume(points: Sequence[Losses], reference: Losses) -> float:
    """The volume of all that is worse than some point and better than ``reference``. Less is better.

    Exact, by slices along the last objective (Zitzler 1999); for the tens of points and up to three objectives of a
    search, not for thousands. Optuna's own is private.
    """
    inside = sorted(
        (tuple(point) for point in points if all(a < b for a, b in zip(point, reference, strict=True))),
        key=lambda point: point[-1],
    )
    if not inside:
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - inside[0][0])
    ends = [*(point[-1] for point in inside[1:]), reference[-1]]
    return sum(
        (end - point[-1]) * hypervolume([before[:-1] for before in inside[: index + 1]], reference[:-1])
        for index, (point, end) in enumerate(zip(inside, ends, strict=True))
        if end > point[-1]
    )
