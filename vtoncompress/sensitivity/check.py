"""What can't work is refused before any work."""

from __future__ import annotations

from typing import Any

import torch
from hydra.utils import instantiate

from vtoncompress.data.base import TryOnData
from vtoncompress.options import TARGET, check_types, used
from vtoncompress.record import NAME
from vtoncompress.sensitivity.plan import Config, pruning_at
from vtoncompress.stage.model import check_sources
from vtoncompress.stage.published import check_official


def check(cfg: Config) -> list[float]:
    """The ratios in order. ValueError, with its remedy, for an option that can't work."""
    if not all(NAME.fullmatch(part) for part in str(cfg["name"]).split("/")):
        raise ValueError(f"name={cfg['name']} can't name a folder of results: use letters, digits and . _ + = -")
    check_types(cfg)
    check_sources(cfg["model"])
    ratios = _check_ratios(cfg["ratios"])
    for option in ("batch_norm_pairs", "search_groups"):
        if not _is_number(cfg[option], int) or cfg[option] < 0:
            raise ValueError(f"{option}={cfg[option]}: use 0 or more")
    if not _is_number(cfg["budget"], int | float) or not 0 <= cfg["budget"] <= 1:
        raise ValueError(f"budget={cfg['budget']}: give the garment SSIM that a group may cost, 0 to 1")
    if not isinstance(cfg["latency"], bool):
        raise ValueError(f"latency={cfg['latency']}: true or false is needed")
    if used(cfg["pruning"]).keys() == {TARGET}:
        raise ValueError("pruning=none takes nothing away: choose pruning=one_shot or another")
    if cfg["pruning"].get("ratios"):
        raise ValueError("pruning.ratios says nothing here, every group is pruned alone: leave it out")
    for group in ("criterion", "export", "timing"):
        instantiate(cfg[group])
    criterion = instantiate(cfg["criterion"])
    criterion.check(instantiate(cfg["training_data"]))
    if used(cfg["criterion"]).get("samples"):
        raise ValueError("a criterion that trains would do so for every point: set criterion.samples=0")
    with torch.device("meta"):  # no memory, no time: the arguments are what is checked
        network = instantiate(cfg["model"]["network"])
    check_official(cfg["model"], network)
    scope = cfg["scope"]["modules"]
    if not scope:
        raise ValueError(f"scope.modules is empty: name parts of the network ({', '.join(network.parts)})")
    instantiate(pruning_at(cfg, ratios[0])).check(network, scope)
    _check_truth(instantiate(cfg["data"]))
    return ratios


def _check_ratios(ratios: object) -> list[float]:
    told: list[Any] = ratios if isinstance(ratios, list) else [ratios]
    for ratio in told or [None]:
        if not _is_number(ratio, int | float) or not 0 < ratio < 1:
            raise ValueError(
                f"ratios={ratio}: give shares of channels to remove, each more than 0 and less than 1, such as "
                "ratios=[0.1,0.25]"
            )
    return sorted({float(ratio) for ratio in told})


def _check_truth(data: TryOnData) -> None:
    pair = data[0]
    if pair.truth is None or pair.region is None:
        raise ValueError("data has no true pictures, without which there is no garment SSIM: use data=synthetic")


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
