"""Rows that something disturbed while they were timed, timed again by the same command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from vtoncompress.disturbance import disturbed
from vtoncompress.pipeline import Config, plan
from vtoncompress.record import read_all
from vtoncompress.store import Store


def disturbed_rows(configs: Sequence[Config]) -> list[str]:
    """Which of these variants the table of their experiment names as disturbed.

    Args:
        configs: complete configs of variants of one experiment.
    """
    if not configs:
        return []
    named = disturbed(read_all(Path(configs[0]["results"]) / configs[0]["name"]))
    return [config["variant"] for config in configs if config["variant"] in named]


def forget_times(configs: Sequence[Config]) -> None:
    """Take from the store what disturbed rows measured of time, so that they are not finished any more.

    What another process is about to build stays.

    Args:
        configs: as for :func:`disturbed_rows`.

    Raises:
        ValueError: the store can't be written.
    """
    named = disturbed_rows(configs)
    for config in configs:
        if config["variant"] not in named:
            continue
        print(f"{config['variant']}: disturbed while timed, is timed again", file=sys.stderr)
        store = Store(Path(config["store"]))
        for stage in plan(config).measurements:
            if stage.alone and (artifact := stage.find(store)) is not None:
                with store.lock_if_free(stage.name, stage.key) as free:
                    if free and artifact.path.exists():
                        store.discard(stage.name, stage.key, artifact.path)
