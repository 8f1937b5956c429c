"""The variants of an experiment as its YAML and those it builds on compose them at the moment."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from vtoncompress import grid
from vtoncompress.errors import explain


def compose_variants(conf: Path, experiment: str, variants: Collection[str]) -> dict[str, dict[str, Any]]:
    """Those of ``variants`` that ``conf``/experiment/``experiment``.yaml lists, each with its resolved config.

    Options that were given on the command line beside ``experiment=`` are not known and not in them.

    Args:
        conf: folder of configs.
        experiment: name of the file and of its results.
        variants: names of rows.

    Returns:
        Empty where there is no such file, or where its rows come from a grid without a list, so that none has a name.

    Raises:
        ValueError: it does not compose.
    """
    if not (conf / "experiment" / f"{experiment}.yaml").is_file():
        return {}
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf.absolute()), version_base="1.3"):
            base = compose("config", [f"experiment={experiment}"], return_hydra_config=True)
            sweeper = base.hydra.sweeper
            if not sweeper.get("variants"):
                return {}
            rows = grid.jobs(OverridesParser.create(), sweeper.get("params", {}), sweeper.variants, [])
            named = {row[0].removeprefix(grid.VARIANT): row for row in rows}
            return {
                name: _compose([f"experiment={experiment}", *row]) for name, row in named.items() if name in variants
            }
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        raise ValueError(f"experiment={experiment} does not compose ({reason})") from error
    finally:
        GlobalHydra.instance().clear()
        if running is not None:
            GlobalHydra.instance().initialize(running)


def _compose(overrides: list[str]) -> dict[str, Any]:
    config = OmegaConf.to_container(compose("config", overrides), resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}
