"""A row as a config that anybody can run again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from vtoncompress.pipeline import Config
from vtoncompress.record import write_text
from vtoncompress.row import RUN_OPTIONS
from vtoncompress.variant_config import GROUPS

FOLDER = "recipes"
# What `complete` adds, and what is another one each time it is run. Not threads: they change a training's rounding.
LEFT_OUT = {"choices", "order", "protocol", "pair_count", "pair_list_hash", "name", "experiment", *RUN_OPTIONS} - {
    "threads"
}


def write_recipe(config: Config, folder: Path, figures: Mapping[str, float]) -> Path:
    """Write ``folder``/recipes/<variant>.yaml and return its path.

    It names every choice and gives every value in full, so that a default that changes later does not change it.

    Args:
        config: complete, of the row.
        folder: of the results.
        figures: for the comment on top.
    """
    variant, choices = config["variant"], config["choices"]
    defaults = [{f"override /{group}": choices[group]} for group in GROUPS]
    defaults.append({"override /metric": list(config["metric"])})
    values = {key: value for key, value in config.items() if key not in LEFT_OUT}
    place = folder.name if folder.is_absolute() else folder
    command = f"python experiments/run.py --config-dir {place} +{FOLDER}={variant}"
    told = ", ".join(f"{column} {figure:.4g}" for column, figure in figures.items())
    head = f"# @package _global_\n# {command}\n# Gave {told}.\n"
    path = folder / FOLDER / f"{variant}.yaml"
    write_text(path, head + yaml.safe_dump({"defaults": defaults, **values}, sort_keys=False, allow_unicode=True))
    return path


def remove_others(folder: Path, variants: list[str]) -> None:
    """Recipes that an earlier, shorter search found and a later one beat."""
    for path in (folder / FOLDER).glob("*.yaml"):
        if path.stem not in variants:
            path.unlink()
