"""What a search is told: conf/search/*.yaml and the command line, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtoncompress import fingerprint
from vtoncompress.environment import environment
from vtoncompress.row import RUN_OPTIONS
from vtoncompress.search.clock import any_time
from vtoncompress.search.early_stop import EarlyStop
from vtoncompress.search.objective import Constraint, Objectives, parse_objectives
from vtoncompress.search.space import SENSITIVITY, Space

OPTIONS = (
    "name", "trials", "overrides", "baseline", "space", "objectives", "constraints", "early_stop", "sampler", "start",
    "start_from", "final",
)  # fmt: skip
# What a study can't change under way: its trials could not be compared.
FIXED = ("space", "objectives", "constraints", "early_stop", "baseline", "overrides")
TRIALS = "trials"
MACHINE = ("cpu", "instruction_set", "threads_available")
"""What times that are compared have in common."""


@dataclass(frozen=True)
class Settings:
    """A search.

    Attributes:
        source: what it was made of, plain JSON; see :meth:`parse`.
        conf: folder of the configs.
        folder: of the results.
        overrides: of every row.
        baseline: further overrides of the dense row.
        space, objectives, constraints, early_stop: see there.
        sampler: config of an Optuna sampler; its ``seed`` is moved on with every trial.
        trials: in all, by all workers.
        start: points to begin with.
        final: overrides by which the rows that no other one beats are measured again, such as other pairs than those
            that they were chosen on; None where they stand as they are.
    """

    source: Mapping[str, Any]
    conf: Path
    folder: Path
    overrides: tuple[str, ...]
    baseline: tuple[str, ...]
    space: Space
    objectives: Objectives
    constraints: Mapping[str, Constraint]
    early_stop: EarlyStop | None
    sampler: Mapping[str, Any]
    trials: int
    start: tuple[Mapping[str, Any], ...]
    final: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, source: Mapping[str, Any]) -> Settings:
        """From plain JSON: ``search`` (a config of ``conf/search``), ``conf``, ``results``, ``store``, ``name``,
        and ``arguments``: further overrides of every row.

        Raises:
            ValueError: an option that can't work, with its remedy.
        """
        search = source["search"]
        if unknown := [key for key in search if key not in OPTIONS]:
            raise ValueError(f"unknown option search.{unknown[0]}: a search has {', '.join(OPTIONS)}")
        if not isinstance(search["trials"], int) or search["trials"] < 1:
            raise ValueError(f"search.trials={search['trials']}: use 1 or more")
        space = Space.parse(search["space"])
        start = [*search["start"], *_read_points(search["start_from"], space)]
        for point in start:
            space.check(point)
        early_stop, final = search["early_stop"], search.get("final")
        name = source["name"] if final is None else f"{source['name']}/{TRIALS}"
        places = [f"results={source['results']}", f"store={source['store']}", f"name={name}"]
        return cls(
            source=source,
            conf=Path(source["conf"]),
            folder=Path(source["results"]) / source["name"],
            overrides=(*search["overrides"], *source["arguments"], *places),
            baseline=tuple(search["baseline"]),
            space=space,
            objectives=parse_objectives(search["objectives"]),
            constraints={name: Constraint.parse(name, value) for name, value in search["constraints"].items()},
            early_stop=None if early_stop is None else EarlyStop.parse(early_stop),
            sampler=search["sampler"],
            trials=search["trials"],
            start=tuple(start),
            final=None if final is None else tuple(final),
        )

    @property
    def trials_folder(self) -> Path:
        """Of the rows that are chosen from."""
        return self.folder if self.final is None else self.folder / TRIALS

    def fixed(self) -> dict[str, Any]:
        """What must be the same for all who work on one study: its trials are compared with each other."""
        search = self.source["search"]
        arguments = [argument for argument in self.source["arguments"] if argument.partition("=")[0] not in RUN_OPTIONS]
        tables = {options[SENSITIVITY] for options in search["space"].values() if SENSITIVITY in options}
        told: dict[str, Any] = (
            {SENSITIVITY: fingerprint.files_hash(Path(path) for path in sorted(tables))} if tables else {}
        )
        if any_time((*self.objectives, *self.constraints)):
            told["machine"] = {name: value for name, value in environment().items() if name in MACHINE}
        return {name: search[name] for name in FIXED} | told | {"command line": sorted(arguments)}


def _read_points(file: str | None, space: Space) -> Sequence[Mapping[str, Any]]:
    """Points of another search's ``pareto.json``, or of a list of ``{"parameters": {...}}``, that fit this space."""
    if file is None:
        return []
    try:
        content = json.loads(Path(file).read_text())
        rows = content["pareto"] if isinstance(content, dict) else content
        points = [row["parameters"] for row in rows if row["parameters"]]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f'search.start_from={file} is neither a pareto.json nor a list of {{"parameters": {{...}}}}'
        ) from error
    fitting = [point for point in points if _fits(point, space)]
    if not fitting:
        raise ValueError(f"search.start_from={file} has no point of this space: leave it out")
    return fitting


def _fits(point: Mapping[str, Any], space: Space) -> bool:
    try:
        space.check(point)
    except ValueError:
        return False
    return True
