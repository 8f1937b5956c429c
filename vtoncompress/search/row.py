"""A row's config, as the command line would compose it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from vtoncompress.errors import explain
from vtoncompress.search.settings import Settings
from vtoncompress.variant_check import check
from vtoncompress.variant_config import NAMING, complete

DENSE_ROW = "dense"
LOOKS = "looks"


def merge(*overrides: Iterable[str]) -> list[str]:
    """The overrides, the last of each key: Hydra refuses a group that is given twice."""
    merged: dict[str, str] = {}
    for override in (one for many in overrides for one in many):
        key = override.partition("=")[0].lstrip("+")
        merged.pop(key, None)
        merged[key] = override
    return list(merged.values())


def compose_row(conf: Path, overrides: Sequence[str]) -> DictConfig:
    """What Hydra makes of the overrides; also within a command that Hydra runs, whose own state is kept."""
    hydra = GlobalHydra.instance()
    own, hydra.hydra = hydra.hydra, None
    try:
        with initialize_config_dir(str(conf.absolute()), version_base="1.3"):
            return compose("config", [*overrides], return_hydra_config=True)
    finally:
        hydra.hydra = own


def row_config(settings: Settings, name: str, order: int, *overrides: Iterable[str]) -> dict[str, Any]:
    """The complete config of a row, for ``run_variant``. ValueError where it can't work."""
    cfg = compose_row(settings.conf, merge(settings.overrides, *overrides, [f"variant={name}"]))
    check(cfg)
    return complete(cfg, cfg.hydra.runtime.choices, order)


def identity(config: dict[str, Any]) -> str:
    """Of a complete config; rows that differ in their names alone have the same."""
    content = {key: value for key, value in config.items() if key not in NAMING}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def dense_config(settings: Settings) -> dict[str, Any]:
    """Of the row that bounds may be relative to."""
    return row_config(settings, DENSE_ROW, 0, settings.baseline)


def trial_config(settings: Settings, point: dict[str, Any], number: int) -> dict[str, Any]:
    """Of the row of a point of the space."""
    return row_config(settings, settings.space.name(point), number + 1, settings.space.overrides(point))


def final_config(settings: Settings, point: dict[str, Any] | None, number: int) -> dict[str, Any]:
    """Of the row that the result is judged by: of a point, or the dense one where that is None."""
    assert settings.final is not None
    own = (settings.final, [f"name={settings.source['name']}"])
    if point is None:
        return row_config(settings, DENSE_ROW, 0, settings.baseline, *own)
    return row_config(settings, settings.space.name(point), number + 1, settings.space.overrides(point), *own)


def look_config(settings: Settings, point: dict[str, Any], number: int) -> dict[str, Any]:
    """Of the cheap row of a point. It stands in a table of its own: it is no result."""
    assert settings.early_stop is not None
    name = [f"name={settings.source['name']}/{LOOKS}"]
    overrides = (settings.space.overrides(point), settings.early_stop.overrides, name)
    return row_config(settings, settings.space.name(point), number + 1, *overrides)


def check_rows(settings: Settings) -> None:
    """ValueError unless the dense row and every choice, with some of the others, can work. Runs nothing."""
    dense_config(settings)
    if settings.final is not None:
        final_config(settings, None, 0)
    if settings.early_stop is not None:
        look_config(settings, next(settings.space.probes())[1][0], 0)
    for override, points in settings.space.probes():
        mistakes: list[str] = []
        for point in points:
            if (mistake := _mistake(settings, point)) is None:
                break
            mistakes.append(mistake)
        else:
            raise ValueError(f"{mistakes[0]} (search.space, {override})")


def _mistake(settings: Settings, point: dict[str, Any]) -> str | None:
    try:
        trial_config(settings, point, 0)
    except Exception as error:
        if (line := explain(error)) is None:
            raise
        return line
    return None
