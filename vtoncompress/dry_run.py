"""What a sweep would do: the plan of its stages, and about how long they take."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtoncompress import row
from vtoncompress.outcome import settled
from vtoncompress.pipeline import Config, Plan, Stage, plan
from vtoncompress.record import Record
from vtoncompress.retiming import disturbed_rows
from vtoncompress.store import Store
from vtoncompress.variant import reference_stages

CACHED, SHARED, BUILD, FAILED = "cached", "shared", "build", "failed before"


def print_plan(configs: Sequence[Config]) -> None:
    """Print a line a variant with what becomes of each stage, then the totals. Builds nothing.

    Args:
        configs: complete configs of the variants, in order.
    """
    from rich.console import Console
    from rich.table import Table

    decision = decide(configs)
    fates, seconds, unknown = decision.fates, decision.seconds, decision.unknown
    columns = list(dict.fromkeys(name for stages in fates.values() for name in stages))
    table = Table("variant", *columns, title="dry run: nothing is built")
    for variant, stages in fates.items():
        table.add_row(variant, *(stages.get(name, "") for name in columns))
    Console(width=None if Console().is_terminal else 160).print(table)
    count = Counter(fate for stages in fates.values() for fate in stages.values())
    print(f"stages: {count[BUILD]} to build, {count[SHARED]} shared with a variant above, {count[CACHED]} in the store")
    if again := sum(FAILED in stages.values() for stages in fates.values()):
        print(f"not run: {again} variants that failed before; retry_failed=true tries them again")
    if configs[0]["retry_disturbed"] and (named := disturbed_rows(configs)):
        print(f"to be timed again, for they were disturbed: {', '.join(named)}")
    if unknown and unknown == count[BUILD]:
        print("time: not known, no stage of these kinds was ever built here")
        return
    hint = f", and {unknown} stages of kinds that were never built here" if unknown else ""
    workers = configs[0]["launcher"]["workers"]
    beside = f" with {workers} workers" if min(workers, len(configs)) > 1 else ""
    print(f"time: about {duration(seconds)}{beside}{hint}, as like stages took on this machine")


@dataclass(frozen=True)
class Decision:
    """What becomes of a sweep.

    Attributes:
        fates: row -> stage -> its fate.
        seconds: until what is to be built is built by the launcher's workers, as far as that is known.
        unknown: how many stages nothing is known of.
        ends: variant -> its stages and the record of an earlier run, where there is nothing to do for any variant.
    """

    fates: dict[str, dict[str, str]]
    seconds: float
    unknown: int
    ends: Mapping[str, tuple[Plan, Record]]


def decide(configs: Sequence[Config]) -> Decision:
    """Look up every stage of the variants of the complete ``configs``. Builds nothing."""
    store = Store(Path(configs[0]["store"]))
    fates: dict[str, dict[str, str]] = {}
    ends: dict[str, tuple[Plan, Record]] = {}
    planned: set[str] = set()
    unknown, rows = 0, list[tuple[float, float]]()
    known: dict[str, list[dict[str, Any]]] = {}
    for name, stages, before in _rows(configs, ends):
        fates[name] = {}
        took = {stage.alone: 0.0 for stage in stages}
        for stage in stages:
            if (before is not None and before.status == "done") or stage.find(store) is not None:
                fate = CACHED
            elif stage.address in planned:
                fate = SHARED
            elif before is not None:
                fate = FAILED
            else:
                fate = BUILD
                planned.add(stage.address)
                if stage.name not in known:
                    known[stage.name] = list(_artifacts(stage.name, store))
                taken = _estimate(stage, known[stage.name])
                unknown += taken is None
                took[stage.alone] += taken or 0.0
            fates[name][_title(stage)] = fate
        rows.append((took.get(True, 0.0), took.get(False, 0.0)))
    # Not kept beside work: the plans of hundreds of variants are large.
    seconds = _side_by_side(rows, configs[0]["launcher"]["workers"])
    return Decision(fates, seconds, unknown, ends if len(ends) == len(configs) else {})


def _side_by_side(rows: Sequence[tuple[float, float]], workers: int) -> float:
    """Seconds of rows, of which each takes so many alone on the machine, to measure time, and so many beside others.

    As if what is done beside others could be divided evenly; but a row is no more than one worker's.
    """
    alone, beside = (sum(part) for part in zip(*rows, strict=True))
    at_once = min(workers, sum(seconds > 0 for _, seconds in rows)) or 1
    return max(alone + beside / at_once, *map(sum, rows))


def _rows(
    configs: Sequence[Config], ends: dict[str, tuple[Plan, Record]]
) -> Iterator[tuple[str, Sequence[Stage], Record | None]]:
    """Every row with its stages, and the record after which there is nothing to do; adds to ``ends``.

    The rows that frame the table come last, though the first variant that is run makes them.
    """
    framing: dict[str, Stage] = {}
    for config in configs:
        stages = plan(config)
        before = settled(config, stages)
        if before is not None:
            ends[config["variant"]] = stages, before
        else:
            described = row.describe(config)
            framing |= {row.as_reference(described, one).variant: stage for one, stage in reference_stages(config)}
        yield config["variant"], stages.stages, before
    for name, stage in framing.items():
        yield name, [stage], None


def _title(stage: Stage) -> str:
    """A measurement of its own is called by its metric."""
    return next(iter(stage.config["metric"])) if stage.name == "subject" else stage.name


def _artifacts(name: str, store: Store) -> Iterator[dict[str, Any]]:
    """Manifests of a kind of stage. Read without finding the artifacts, which would count as using them."""
    for folder in (store.root / name).glob("[!.]*"):
        with suppress(OSError, ValueError):
            yield store.artifact(name, folder.name).manifest()


def _estimate(stage: Stage, known: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds of the finished stage whose config is most like this one's; None where there is none."""
    mine = _leaves(stage.config)
    alike = max(known, key=lambda manifest: len(mine & _leaves(manifest["config"])), default=None)
    return None if alike is None else float(alike["seconds"])


def _leaves(config: Any, path: str = "") -> set[tuple[str, str]]:
    if isinstance(config, Mapping):
        return {leaf for key, value in config.items() for leaf in _leaves(value, f"{path}.{key}")}
    return {(path, json.dumps(config, sort_keys=True))}


def duration(seconds: float) -> str:
    """In words, to two digits or so."""
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
