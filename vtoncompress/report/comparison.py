"""Rows of two experiments that have one name, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vtoncompress.record import Record, check_comparable, machine_of
from vtoncompress.report.axes import COSTS, QUALITY

COLUMNS = (*QUALITY, *COSTS)


@dataclass(frozen=True)
class Pair:
    """One name.

    Attributes:
        variant: the name.
        cells: label -> (first, second, second less first), of what both have.
        reason: why there is nothing to compare, or not everything.
    """

    variant: str
    cells: dict[str, tuple[float, float, float]]
    reason: str


def pair_up(first: Sequence[Record], second: Sequence[Record]) -> list[Pair]:
    """A pair for each variant of the first experiment whose name is in the second one too.

    Rows of different protocols are named with the field that differs, and with no figures beside each other.
    """
    others = {one.variant: one for one in second if one.role == "variant"}
    return [_pair(one, others[one.variant]) for one in first if one.role == "variant" and one.variant in others]


def _pair(one: Record, other: Record) -> Pair:
    if failed := [told for told in (one, other) if told.status == "failed"]:
        return Pair(one.variant, {}, f"failed: {failed[0].reason}")
    try:
        check_comparable([one, other])
    except ValueError as error:
        return Pair(one.variant, {}, str(error))
    apart = machine_of(one) != machine_of(other)
    cells = {
        axis.label: (one.values[axis.key], other.values[axis.key], other.values[axis.key] - one.values[axis.key])
        for axis in COLUMNS
        if axis.key in one.values and axis.key in other.values and not (apart and axis.is_time)
    }
    if not cells:
        return Pair(one.variant, {}, "neither was measured in what the other was")
    return Pair(one.variant, cells, "times are of two machines, and not compared" if apart else "")
