"""What is wanted of a row: columns with the direction in which they get better, and bounds on other columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from vtoncompress.record import Record

Direction = Literal["maximize", "minimize"]
Objectives = Mapping[str, Direction]
DENSE = "dense"
# Returning the person unchanged has the best FID and KID of all.
WON_BY_NOTHING = ("fid", "kid")


def parse_objectives(objectives: Mapping[str, Any]) -> dict[str, Direction]:
    """Column -> direction. ValueError for another direction, none or more than three columns, or FID or KID."""
    if not 1 <= len(objectives) <= 3:
        raise ValueError(f"search.objectives has {len(objectives)} columns: give one to three")
    for column in objectives:
        if column.startswith(WON_BY_NOTHING):
            raise ValueError(
                f"search.objectives.{column}: doing nothing to the person wins it; make it a constraint, such as "
                f"search.constraints.{column}: {{at_most: 0.05, relative_to: dense}}"
            )
    return {column: parse_direction(f"search.objectives.{column}", value) for column, value in objectives.items()}


def parse_direction(option: str, value: Any) -> Direction:
    """``value`` itself, if it is a direction."""
    if value not in get_args(Direction):
        raise ValueError(f"{option}={value}: choose one of {', '.join(get_args(Direction))}")
    return cast("Direction", value)


def loss(value: float, direction: Direction) -> float:
    """``value``, or its negative, so that less is better."""
    return -value if direction == "maximize" else value


def losses(record: Record, objectives: Objectives) -> tuple[float, ...]:
    """The record's objectives, less being better. ValueError, with the reason, where one was not measured."""
    return tuple(loss(measured(record, column), direction) for column, direction in objectives.items())


def measured(record: Record, column: str) -> float:
    """The record's figure. ValueError, with the reason and the remedy, where there is none."""
    if column not in record.values:
        reason = record.missing.get(column, "no metric of the row has such a column: see search.overrides and metric=")
        raise ValueError(f"{record.variant} has no {column}: {reason}")
    return record.values[column]


@dataclass(frozen=True)
class Constraint:
    """A bound on a column.

    Attributes:
        bound: in the column's unit; added to the dense row's figure where the bound is relative.
        upper: whether the figure may not be above the bound, or not below it.
        relative: to the dense row.
    """

    bound: float
    upper: bool
    relative: bool

    @classmethod
    def parse(cls, column: str, options: Mapping[str, Any]) -> Constraint:
        """From ``{at_most: NUMBER}`` or ``{at_least: NUMBER}``, either with ``relative_to: dense``."""
        sides = [side for side in ("at_most", "at_least") if side in options]
        known = set(options) <= {"at_most", "at_least", "relative_to"}
        if len(sides) != 1 or not known or options.get("relative_to", DENSE) != DENSE:
            raise ValueError(
                f"search.constraints.{column}: write {{at_most: NUMBER}} or {{at_least: NUMBER}}, and relative_to: "
                "dense where the number is to be added to the dense row's"
            )
        bound = options[sides[0]]
        if not isinstance(bound, int | float):
            raise ValueError(f"search.constraints.{column}.{sides[0]}={bound}: give a number")
        return cls(float(bound), sides[0] == "at_most", "relative_to" in options)

    def violation(self, column: str, record: Record, dense: Record) -> float:
        """By how much the record is on the wrong side, in the column's unit; 0 or less where it is not."""
        bound = self.bound + (measured(dense, column) if self.relative else 0.0)
        excess = measured(record, column) - bound
        return excess if self.upper else -excess
