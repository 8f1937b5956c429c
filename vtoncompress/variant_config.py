"""A variant's config, complete: resolved, with its name, the names of its choices, and what identifies its pairs."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vtoncompress import row
from vtoncompress.options import TARGET, built, effective
from vtoncompress.pipeline import work_threads

GROUPS = ("data", "model", "scope", "criterion", "pruning", "finetuning", "quantization", "export")
# What a variant's name leaves out.
NAMING = ("name", "variant", "order", *row.RUN_OPTIONS)
RUN_ARGUMENTS = tuple(f"{option}=" for option in row.RUN_OPTIONS) + ("launcher.",)


def plain(cfg: DictConfig | dict[str, Any]) -> dict[str, Any]:
    """Without Hydra's own part, resolved, and without an experiment's options of metrics that were not chosen.

    ValueError where a value is missing.
    """
    if not isinstance(cfg, DictConfig):
        return cfg
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    config = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    if chosen := config.get("metric"):
        config["metric"] = {name: metric for name, metric in chosen.items() if TARGET in metric}
    return {str(key): value for key, value in config.items()}


def complete(cfg: DictConfig | dict[str, Any], choices: Mapping[str, str], order: int) -> dict[str, Any]:
    """The resolved config with the names of its choices, the variant's name, and what identifies its pairs.

    Args:
        cfg: of a variant, as Hydra composed it, :func:`plain` or not.
        choices: config group -> name, as Hydra's ``runtime.choices``.
        order: place in the experiment.
    """
    resolved = plain(cfg)
    config = effective(resolved)
    config["choices"] = {group: choices[group] for group in GROUPS} | {"runtime": runtime_of(config)}
    if "modules" in config["quantization"]:
        config["choices"]["quantization_scope"] = resolved["quantization"]["scope"]
    config["order"] = order
    if config["threads"] is None and (workers := config["launcher"]["workers"]) > 1:
        config["threads"] = max(1, (os.cpu_count() or 1) // workers)
    config["threads"] = work_threads(config)
    data = built(config["data"])
    config |= {"protocol": data.protocol, "pair_count": len(data), "pair_list_hash": data.pair_list_hash()}
    config |= {name: told for name in ("pairing", "left_out") if (told := getattr(data, name))}
    if config["variant"] is None:
        config["variant"] = _variant_name(config)
    return config


def sweep_name(arguments: Sequence[str]) -> str:
    """The folder of a run without ``experiment=``: the same command gives the same one, another never does."""
    told = sorted(argument for argument in arguments if not argument.startswith(("-", "hydra", *RUN_ARGUMENTS)))
    slug = re.sub(r"[^A-Za-z0-9.]+", "_", "+".join(told)).strip("_")[:80] or "defaults"
    return f"adhoc/{slug}-{hashlib.sha256(' '.join(told).encode()).hexdigest()[:6]}"


def runtime_of(config: Mapping[str, Any]) -> str:
    """The name of what the deployed network runs on."""
    return str(built(config["export"]).runtime)


def _variant_name(config: dict[str, Any]) -> str:
    """Choices in words, and a hash of the whole config, so that no two variants share a name."""
    choices = config["choices"]
    pruned = "dense" if choices["pruning"] == "none" else f"{choices['pruning']}_{config['pruning']['ratio']:g}"
    tuned = "" if choices["finetuning"] == "none" else f"-{choices['finetuning']}"
    number = "float32" if choices["quantization"] == "none" else choices["quantization"]
    content = {key: value for key, value in config.items() if key not in NAMING}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]
    return f"{config['model']['name']}-{pruned}{tuned}-{number}-{choices['runtime']}-{digest}"
