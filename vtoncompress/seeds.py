"""One recipe under several seeds: its mean, and how far the seeds lie apart."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from vtoncompress.record import QUALITY, Record
from vtoncompress.summary import group_by

SPREAD, OF_TRAINING_DATA = "_over_seeds", "training_data.seed"
# What a variant's name says of its seed, and the hash that tells its config from others.
OF_ITS_SEED = re.compile(r"-(?:\w+\.)*seed_\d+|-[0-9a-f]{6}$")


def over_seeds(records: Iterable[Record]) -> list[Record]:
    """A record for each recipe that was run with two seeds or more, in order.

    Its values are means over the finished runs, and beside each stands, named with ``_over_seeds``, the standard
    deviation of one run (n - 1). ``details["seeds"]`` lists the seeds: of the run, of its training data, or of both, as
    ``0/2``, where both differ; ``details["seed_options"]`` what they are called. A value that a run lacks is left out.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        if record.role == "variant" and record.status == "done" and "config" in record.trust:
            groups.setdefault(_recipe(record), []).append(record)
    return [_mean(group, differing) for group in groups.values() if (differing := _differing(group))]


def idle_notes(means: Iterable[Record]) -> list[str]:
    """A line for those of :func:`over_seeds` whose quality no seed changed, and what would: ± 0 is no result of theirs.

    ``seed`` draws weights where there are none, and no pairs: a training from given weights is the same under any.
    """
    idle = group_by(
        ((", ".join(map(str, mean.details["seeds"])), _remedy(mean)), mean.variant) for mean in means if _is_idle(mean)
    )
    return [
        f"Seeds {told} change no picture of {', '.join(names)}: {remedy}." for (told, remedy), names in idle.items()
    ]


def _is_idle(mean: Record) -> bool:
    measured = QUALITY & mean.values.keys()
    return bool(measured) and not any(mean.values[name + SPREAD] for name in measured)


def _remedy(mean: Record) -> str:
    config = mean.trust["config"]
    trains = "samples" in config.get("finetuning", {}) or config.get("quantization", {}).get("training")
    drawn = "seed" in config.get("training_data", {}) and OF_TRAINING_DATA not in mean.details["seed_options"]
    return f"vary {OF_TRAINING_DATA}" if trains and drawn else "nothing in it depends on them"


def _recipe(record: Record) -> str:
    """The config but for seeds and the name that follows from them."""
    config = {key: value for key, value in record.trust["config"].items() if key not in ("variant", "name")}
    return json.dumps([record.runtime, _without_seeds(config)], sort_keys=True)


def _without_seeds(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: None if key == "seed" else _without_seeds(inner) for key, inner in value.items()}
    return [_without_seeds(inner) for inner in value] if isinstance(value, list) else value


def _seeds(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted path -> seed, of every option called so."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    found: dict[str, Any] = {}
    for key, inner in pairs:
        found |= {f"{path}{key}": inner} if key == "seed" else _seeds(inner, f"{path}{key}.")
    return found


def _differing(group: list[Record]) -> dict[str, list[Any]]:
    """Of each run the seeds in which it differs from others, several joined by a slash; empty where none does."""
    told = [_seeds(record.trust["config"]) for record in group]
    columns = {path: tuple(seeds[path] for seeds in told) for path in told[0]}
    options = [path for path, column in columns.items() if len(set(column)) > 1]
    apart = [*dict.fromkeys(columns[path] for path in options)]
    if len(apart) == 1:
        seeds = sorted(set(apart[0]))
    else:
        seeds = sorted({"/".join(map(str, seeds)) for seeds in zip(*apart, strict=True)})
    return {"seeds": seeds, "seed_options": options} if options else {}


def _mean(group: list[Record], differing: dict[str, list[Any]]) -> Record:
    columns = [name for name in group[0].values if all(name in record.values for record in group)]
    columns = [name for name in columns if not name.endswith("_std")]  # a spread of something else
    runs = {name: [record.values[name] for record in group] for name in columns}
    return replace(
        group[0],
        variant=OF_ITS_SEED.sub("", group[0].variant),
        seed=None,
        values={name: statistics.fmean(values) for name, values in runs.items()}
        | {name + SPREAD: statistics.stdev(values) for name, values in runs.items()},
        missing={},
        details=differing,
        stages=[],
    )
