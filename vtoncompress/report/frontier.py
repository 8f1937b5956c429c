"""Which rows to choose from: those that no other row beats."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from vtoncompress.record import Record
from vtoncompress.report.axes import COSTS, Axis, measured, quality_of
from vtoncompress.report.trusted_time import untrusted
from vtoncompress.search.frontier import non_dominated

CLEARLY = 0.03
"""Share by which a cost must be less to be told."""


@dataclass(frozen=True)
class Frontier:
    """Rows of one protocol in quality and one cost.

    Attributes:
        quality, cost: what they are judged by.
        records: all that have both numbers.
        best: those that no other one is as good as in both and better than in one, the cheapest first.
        restless: variants whose cost can't be held against the others' (:mod:`vtoncompress.report.trusted_time`); they
            are in ``records`` and never in ``best``.
    """

    quality: Axis
    cost: Axis
    records: list[Record]
    best: list[Record]
    restless: frozenset[str] = frozenset()


def frontiers(group: Sequence[Record]) -> list[Frontier]:
    """One for each cost that rows of the group have beside its quality; none where no quality was measured."""
    quality = quality_of(group)
    found = []
    for cost in COSTS if quality is not None else ():
        assert quality is not None
        if records := measured(group, quality, cost):
            restless = untrusted(group, cost)
            trusted = [one for one in records if one.variant not in restless]
            chosen = non_dominated([(quality.loss(one), cost.loss(one)) for one in trusted])
            best = sorted((trusted[index] for index in chosen), key=cost.loss)
            found.append(Frontier(quality, cost, records, best, restless))
    return found


def letters(rows: Sequence[Record]) -> dict[str, str]:
    """Variant -> what stands for it in the figures: A to Z, then AA and so on."""
    alphabet = string.ascii_uppercase
    names = [*alphabet, *(first + second for first in alphabet for second in alphabet)]
    return {one.variant: name for one, name in zip(rows, names, strict=False)}


def dominating(found: Sequence[Frontier]) -> list[Record]:
    """The rows that are best in one of them and that no other row beats in all of them, in the experiment's order.

    Nor one that is better by no more than a tie in quality, where another one costs clearly less in something and more
    in nothing.
    """
    rows = {one.variant: one for frontier in found for one in frontier.best}
    ordered = sorted(rows.values(), key=lambda one: (one.order, one.variant))
    chosen = non_dominated([_losses(one, found) for one in ordered])
    best = [ordered[index] for index in chosen]
    return [one for one in best if not any(_is_cheaper(other, one, found) for other in best)]


def _is_cheaper(other: Record, one: Record, found: Sequence[Frontier]) -> bool:
    """Whether ``other`` is as good as ``one``, to a tie, and cheaper."""
    (quality, *costs), (best, *least) = _losses(one, found), _losses(other, found)
    pairs = list(zip(least, costs, strict=True))
    return (
        best <= quality + found[0].quality.tie
        and all(lower <= cost for lower, cost in pairs)
        and any(lower < (1 - CLEARLY) * cost for lower, cost in pairs)
    )


def _losses(record: Record, found: Sequence[Frontier]) -> list[float]:
    """Quality and all costs; a cost that was not measured, or not in peace, is the worst."""
    costs = [
        one.cost.loss(record) if one.cost.key in record.values and record.variant not in one.restless else float("inf")
        for one in found
    ]
    return [found[0].quality.loss(record), *costs]
