"""Ratios within a budget: as a config that a run takes, and as a search that starts from them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vtoncompress.options import TARGET, used
from vtoncompress.pruning.groups import Group
from vtoncompress.record import write_text
from vtoncompress.sensitivity.plan import Config
from vtoncompress.sensitivity.point import Analysis, Point

RATIOS, SEARCHES = "ratios", "search"
# What names the choice of each group in a config that is written.
GROUPS = ("pruning", "scope", "criterion")


def choose(points: Sequence[Point], budget: float) -> dict[str, float]:
    """Group's name -> the largest measured ratio up to which it alone costs ``budget`` garment SSIM at most, or 0.

    A larger ratio that is within the budget again, after a smaller one was not, is chance and no ratio to build on.
    """
    chosen = dict.fromkeys((point.group.name for point in points), 0.0)
    for name in chosen:
        mine = sorted((point for point in points if point.group.name == name), key=lambda point: point.ratio)
        for point in itertools.takewhile(lambda point: point.loss <= budget, mine):
            chosen[name] = point.ratio
    return chosen


def by_layer(groups: Sequence[Group], chosen: Mapping[str, float]) -> dict[str, float]:
    """Every member of every group -> its ratio: tied layers lose the smallest of their shares."""
    return {member: chosen[group.name] for group in groups for member in group.members}


def mean_ratio(groups: Sequence[Group], chosen: Mapping[str, float], ratios: Sequence[float]) -> float:
    """Of all channels of the groups; the smallest of ``ratios`` where that is 0, for 0 is no ``pruning.ratio``."""
    channels = {group: group.channels * len(group.members) for group in groups}
    mean = sum(chosen[group.name] * number for group, number in channels.items()) / sum(channels.values())
    return round(mean, 3) or min(ratios)


def write_ratios(analysis: Analysis, cfg: Config, choices: Mapping[str, str], folder: Path) -> None:
    """Write ``ratios.yaml``: the pruning with a ratio for every layer of the scope, to be added to a run."""
    groups = [*analysis.by_group()]
    mean = mean_ratio(groups, analysis.chosen, analysis.ratios)
    options = _options(cfg)
    options["pruning"] |= {"ratio": mean, "ratios": by_layer(groups, analysis.chosen)}
    values = {"defaults": [{f"override /{group}": choices[group]} for group in GROUPS], **options}
    head = (
        "# @package _global_\n"
        f"# python experiments/run.py --config-dir {_shown(cfg['results'])} +{cfg['name']}={RATIOS} "
        f"model={choices['model']}\n"
        f"# For each layer the largest of {', '.join(f'{ratio:g}' for ratio in analysis.ratios)} up to which its group "
        f"alone costs {analysis.budget:g} garment SSIM at most.\n"
        "# pruning.ratio is their mean, weighted by channels: no layer of the scope is left for it.\n"
    )
    write_text(folder / f"{RATIOS}.yaml", head + yaml.safe_dump(values, sort_keys=False))


def write_search(analysis: Analysis, cfg: Config, choices: Mapping[str, str], conf: Path, folder: Path) -> None:
    """Write ``search/<name>.yaml``: over the most expensive groups, beginning with their proposed ratios.

    The other groups keep theirs. All else is as in ``conf``/search/quickstart.yaml. A group's first member stands for
    it: the others have the largest ratio, and tied layers lose the smallest.
    """
    largest = {group: found[max(found)].macs_saved for group, found in analysis.by_group().items()}
    searched = sorted(largest, key=lambda group: -largest[group])[: cfg["search_groups"]]
    start = {_override(group): analysis.chosen[group.name] for group in largest}
    free = {_override(group) for group in searched}
    options = {f"{group}.{key}": value for group, found in _options(cfg).items() for key, value in found.items()}
    seed = cfg["data"].get("seed")  # of generated pairs; those of 0 are the tables', to judge by and not to choose on
    overrides = [
        *(f"{group}={choices[group]}" for group in ("model", *GROUPS)),
        *(f"{name}={json.dumps(value)}" for name, value in options.items()),
        f"pruning.ratio={max(analysis.ratios)}", "finetuning=supervised", "data.pairs=256",
        *([f"data.seed={seed}"] if seed else []),
        *(f"{name}={ratio}" for name, ratio in start.items() if name not in free),
    ]  # fmt: skip
    name = str(cfg["name"]).rpartition("/")[2]
    search: dict[str, Any] = {
        **yaml.safe_load((conf / SEARCHES / "quickstart.yaml").read_text()),
        "name": f"{name}_search",
        "overrides": overrides,
        "space": {_override(group): {"choices": [0.0, *analysis.ratios]} for group in searched},
        "start": [{parameter: start[parameter] for parameter in map(_override, searched)}],
        "final": ["data.seed=0"] if seed else None,
    }
    command = f"# python experiments/search.py --config-dir {_shown(cfg['results'])}/{cfg['name']} search={name}\n"
    told = (
        f"# Over the {len(searched)} groups that cost most; the others keep the ratio of {RATIOS}.yaml. Options of the "
        "model that\n# the analysis was given belong to this command as well.\n"
    )
    write_text(folder / SEARCHES / f"{name}.yaml", command + told + yaml.safe_dump(search, sort_keys=False))


def _options(cfg: Config) -> dict[str, dict[str, Any]]:
    """Of the choices, in full, but for the ratios: a default that changes later must not change what was measured."""
    choices = {group: used(cfg[group]) if TARGET in cfg[group] else cfg[group] for group in GROUPS}
    left_out = (TARGET, "ratio", "ratios", "name")
    return {
        group: {key: value for key, value in choice.items() if key not in left_out} for group, choice in choices.items()
    }


def _override(group: Group) -> str:
    return f"+pruning.ratios.{group.name}"


def _shown(results: str) -> str:
    """The folder without what is this machine's own."""
    return Path(results).name if Path(results).is_absolute() else str(results)
