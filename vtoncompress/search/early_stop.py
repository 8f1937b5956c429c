"""When a trial is not worth its whole row: a cheap look at it is far behind another trial's.

Optuna's pruners compare one number, so that they refuse a study with several objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vtoncompress.record import Record
from vtoncompress.search.objective import Direction, loss, measured, parse_direction

Look = Mapping[str, float]


@dataclass(frozen=True)
class Column:
    """A column of the cheap row: where it gets better, and which lead of another trial, in its unit, counts."""

    direction: Direction
    margin: float


@dataclass(frozen=True)
class EarlyStop:
    """The cheap row that every trial is first measured by.

    Attributes:
        overrides: that make a row cheap: fewer pairs, fewer training samples, no speed.
        columns: that are compared.
    """

    overrides: tuple[str, ...]
    columns: Mapping[str, Column]

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> EarlyStop:
        """From ``{overrides: [...], columns: {NAME: {direction: ..., margin: NUMBER}}}``."""
        if options.keys() != {"overrides", "columns"} or not options["columns"]:
            raise ValueError("search.early_stop needs overrides (what makes a row cheap) and columns, and nothing else")
        columns = {}
        for name, column in options["columns"].items():
            option = f"search.early_stop.columns.{name}"
            margin = column.get("margin")
            if column.keys() != {"direction", "margin"} or not isinstance(margin, int | float) or margin < 0:
                raise ValueError(f"{option}: write {{direction: ..., margin: NUMBER}}, the number 0 or more")
            columns[name] = Column(parse_direction(f"{option}.direction", column["direction"]), float(margin))
        return cls(tuple(options["overrides"]), columns)

    def look(self, record: Record) -> dict[str, float]:
        """The figures of a cheap row that are compared. ValueError where one was not measured."""
        return {name: measured(record, name) for name in self.columns}

    def beaten_by(self, mine: Look, others: Mapping[int, Look]) -> int | None:
        """The number of a trial that is better in every column, by more than its margin; None where there is none.

        So nothing is stopped that is best in a single column, or that a cheap look can't tell from what is.
        """
        for number, other in others.items():
            leads = {
                name: loss(mine[name], column.direction) - loss(other[name], column.direction)
                for name, column in self.columns.items()
            }
            if all(lead > self.columns[name].margin for name, lead in leads.items()):
                return number
        return None
