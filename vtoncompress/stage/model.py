"""First stage: the dense network's weights, wherever they come from, as a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.model.base import TryOnModel
from vtoncompress.shipped import checkpoint_folder
from vtoncompress.stage.published import official_files

WEIGHTS = "weights.json"
SHOWN = 3


def make(config: Mapping[str, Any], out: Path) -> None:
    """Write the checkpoint and ``weights.json``, which says in words where the weights come from.

    ``config``: ``network`` (what to build), ``checkpoint`` (a folder, the name of shipped weights, or null), optionally
    ``official`` (how to load the published files, or null), ``seed`` of random weights otherwise.
    """
    model, origin = open_model(config)
    checkpoint.save(model, out)
    (out / WEIGHTS).write_text(json.dumps({"weights": origin}))


def open_model(config: Mapping[str, Any]) -> tuple[TryOnModel, str]:
    """The dense network and, in words, where its weights come from. ValueError for weights that don't fit."""
    source = config["checkpoint"]
    check_sources(config)
    if source is not None:
        model = checkpoint.load(checkpoint_folder(source))
        _check(model, config)
        for name in set(model.execution) & config["network"].keys():
            setattr(model, name, config["network"][name])
        return model, f"checkpoint {Path(source).name}"
    torch.manual_seed(config["seed"])
    model = instantiate(config["network"])
    if files := official_files(config):
        left = instantiate(config["official"], model)
        random = f"random {left[0]}, seed {config['seed']}; " if left else ""
        return model.eval(), f"{random}official checkpoint files of {', '.join(files)}"
    return model.eval(), f"random, seed {config['seed']}"


def check_sources(config: Mapping[str, Any]) -> None:
    """ValueError where both a checkpoint and published files are given."""
    given = [part for part, file in (config.get("official") or {}).items() if part != "_target_" and file is not None]
    if config["checkpoint"] is not None and given:
        raise ValueError(
            f"model.official.{given[0]} and model.checkpoint={config['checkpoint']} are both given: the published "
            "files belong to the full-size model, or set model.checkpoint=null"
        )


def _check(model: TryOnModel, config: Mapping[str, Any]) -> None:
    """The checkpoint must be of the network that the config describes, pruned or not."""
    free = ("_target_", *model.execution)
    expected = {key: value for key, value in config["network"].items() if key not in free}
    found = {key: value for key, value in model.arguments().items() if key not in free}
    if found != expected:
        theirs, ours = dict(_leaves(found)), dict(_leaves(expected))
        different = [key for key in {**ours, **theirs} if theirs.get(key) != ours.get(key)]
        more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
        raise ValueError(
            f"model.checkpoint={config['checkpoint']} has "
            + ", ".join(f"{key}={theirs.get(key)}" for key in different[:SHOWN])
            + " and the config "
            + ", ".join(f"{key}={ours.get(key)}" for key in different[:SHOWN])
            + f"{more}: change one of them"
        )


def _leaves(arguments: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, with its dotted path."""
    for key, value in arguments.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
