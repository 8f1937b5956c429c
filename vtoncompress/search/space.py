"""What a trial may choose: overrides of the command line, each with its choices or its range.

A range may also be of savings, which a sensitivity analysis turns into a ratio for every layer of a part.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from vtoncompress.sensitivity.allocation import Allocation

Point = Mapping[str, Any]
DIGITS = 10
RATIOS, SENSITIVITY = "pruning.ratios.", "sensitivity"
NAME_LENGTH = 110
DRAWS = 1000


@dataclass(frozen=True)
class Space:
    """Parameters by the name that they have on the command line, such as ``+pruning.ratios.warp``.

    Attributes:
        distributions: of their values.
        allocations: of those whose value is no ratio but the share of what there is to save in a part.
    """

    distributions: Mapping[str, BaseDistribution]
    allocations: Mapping[str, Allocation] = field(default_factory=dict)

    @classmethod
    def parse(cls, space: Mapping[str, Mapping[str, Any]]) -> Space:
        """From a config: name -> ``{choices: [...]}``, or ``{low, high}`` with optional ``step`` or ``log``.

        ``sensitivity: FILE`` beside them makes the value of a ``pruning.ratios.PART`` the share of all that the
        file's ratios can save in that part.

        Raises:
            ValueError: a parameter is written otherwise, or there is none.
        """
        if not space:
            raise ValueError("search.space is empty: give some parameter its choices")
        distributions, allocations = {}, {}
        for name, options in space.items():
            own = {key: value for key, value in options.items() if key != SENSITIVITY}
            distributions[name] = _distribution(name, own)
            if SENSITIVITY in options:
                allocations[name] = _allocation(name, options[SENSITIVITY], distributions[name])
        return cls(distributions, allocations)

    def clean(self, point: Point) -> dict[str, Any]:
        """The point without what counting in steps leaves behind the decimal point, parameters in order."""
        return {name: _clean(point[name]) for name in self.distributions}

    def overrides(self, point: Point) -> list[str]:
        """The point as Hydra takes it."""
        return [f"{name}={self._written(name, value)}" for name, value in self.clean(point).items()]

    def describe(self, point: Point) -> str:
        """The point in a line to read."""
        return ", ".join(f"{name}={_text(value)}" for name, value in self.clean(point).items())

    def _written(self, name: str, value: Any) -> str:
        if name not in self.allocations:
            return _text(value)
        part = name.partition(RATIOS)[2]
        ratios = self.allocations[name].ratios(value)
        return f"{{{','.join(f'{layer.removeprefix(part)[1:]}:{ratio}' for layer, ratio in ratios.items())}}}"

    def name(self, point: Point) -> str:
        """Of the row: equal for equal points only, fit for a file."""
        told = [f"{name.rpartition('.')[2].lstrip('+')}_{_text(value)}" for name, value in self.clean(point).items()]
        slug = re.sub(r"[^A-Za-z0-9._]+", "_", "-".join(told)).strip("_.")
        exact = "-".join(self.overrides(point))
        digest = hashlib.sha256(exact.encode()).hexdigest()[:6]
        return f"{slug[:NAME_LENGTH].strip('_.')}-{digest}"

    def check(self, point: Point) -> None:
        """ValueError unless the point lies in the space."""
        if point.keys() != self.distributions.keys():
            raise ValueError(
                f"a start of search.start gives {', '.join(point) or 'nothing'}: give {', '.join(self.distributions)}"
            )
        for name, distribution in self.distributions.items():
            if not _holds(distribution, point[name]):
                raise ValueError(f"a start of search.start has {name}={_text(point[name])}, which its space lacks")

    def probes(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Every choice, and the ends of every range, each in two points: others at their first, others at their last.

        Yields:
            The override, and the points.
        """
        ends = {name: _ends(distribution) for name, distribution in self.distributions.items()}
        first, last = ({name: values[place] for name, values in ends.items()} for place in (0, -1))
        for name, values in ends.items():
            for value in values:
                yield f"{name}={_text(value)}", [{**others, name: value} for others in (first, last)]

    def unseen(self, seen: Collection[str], random_state: random.Random) -> dict[str, Any] | None:
        """A random point whose :meth:`name` is not in ``seen``; None where there is none left."""
        axes = [_values(distribution) for distribution in self.distributions.values()]
        names = [*self.distributions]
        if all(axes) and prod(map(len, axes)) <= DRAWS:
            points = [dict(zip(names, values, strict=True)) for values in product(*axes)]
            left = [point for point in points if self.name(point) not in seen]
            return random_state.choice(left) if left else None
        for _ in range(DRAWS):
            point = {name: _draw(distribution, random_state) for name, distribution in self.distributions.items()}
            if self.name(point) not in seen:
                return point
        return None


def _distribution(name: str, options: dict[str, Any]) -> BaseDistribution:
    try:
        if options.keys() == {"choices"}:
            if not options["choices"]:
                raise ValueError("it has no choice")
            return CategoricalDistribution(options["choices"])
        if not {"low", "high"} <= options.keys() <= {"low", "high", "step", "log"}:
            raise ValueError(f"it has {', '.join(options) or 'nothing'}")
        whole = all(isinstance(options[key], int) for key in ("low", "high", "step") if key in options)
        if "step" in options and not _is_whole((options["high"] - options["low"]) / options["step"]):
            raise ValueError("high is not reached from low in whole steps")
        return (IntDistribution if whole else FloatDistribution)(**options)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise ValueError(
            f"search.space.{name}: {error}: write {{choices: [...]}}, or {{low: ..., high: ...}} with step or log"
        ) from error


def _allocation(name: str, path: str, distribution: BaseDistribution) -> Allocation:
    part = name.partition(RATIOS)[2]
    if not part:
        raise ValueError(f"search.space.{name}: sensitivities say something of a +{RATIOS}PART only: leave it out")
    if any(isinstance(end, str) or not 0 <= end <= 1 for end in _ends(distribution)):
        raise ValueError(f"search.space.{name}: with sensitivities it is a share of what can be saved: use 0 to 1")
    return Allocation.read(Path(path), part)


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if not isinstance(value, int | float) or not distribution.low <= value <= distribution.high:
        return False
    return not distribution.step or _is_whole((value - distribution.low) / distribution.step)


def _is_whole(steps: float) -> bool:
    return abs(steps - round(steps)) < 1e-6


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    return [distribution.low, distribution.high]


def _values(distribution: BaseDistribution) -> list[Any]:
    """Everything there is to choose; nothing where that is a continuum."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if not distribution.step:
        return []
    count = round((distribution.high - distribution.low) / distribution.step) + 1
    return [_clean(distribution.low + index * distribution.step) for index in range(count)]


def _draw(distribution: BaseDistribution, random_state: random.Random) -> Any:
    values = _values(distribution)
    return random_state.choice(values) if values else random_state.uniform(distribution.low, distribution.high)


def _clean(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
    return str(_clean(value))
