"""What can't work is refused before any work."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

import torch
from hydra.utils import instantiate

from vtoncompress.model.base import StepwiseModel
from vtoncompress.options import TARGET, check_types, used
from vtoncompress.quantization.none import NoQuantization
from vtoncompress.record import NAME
from vtoncompress.sensitivity.quantization.analysis import BUDGETED
from vtoncompress.sensitivity.quantization.plan import Config
from vtoncompress.stage.model import check_sources
from vtoncompress.stage.published import check_official


def check(cfg: Config) -> None:
    """ValueError, with its remedy, for an option that can't work."""
    if not all(NAME.fullmatch(part) for part in str(cfg["name"]).split("/")):
        raise ValueError(f"name={cfg['name']} can't name a folder of results: use letters, digits and . _ + = -")
    check_types(cfg)
    check_sources(cfg["model"])
    depth = cfg["depth"]
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise ValueError(f"depth={depth}: give how many parts of a name make a group, 1 or more, or null for layers")
    _check_budget(cfg["budget"])
    with torch.device("meta"):  # no memory, no time: the names are what is checked
        network = instantiate(cfg["model"]["network"])
    check_official(cfg["model"], network)
    names = [name for name, _ in network.named_modules()]
    if unknown := [name for name in cfg["scope"]["modules"] if not fnmatch.filter(names, name)]:
        parts = ", ".join(network.parts)
        raise ValueError(f"scope.modules: the network has no {unknown[0]}; name modules such as {parts}")
    if isinstance(network, StepwiseModel):
        _check_mode(cfg["quantization"])
        network.set_sampling(instantiate(cfg["model"]["sampling"]))
    instantiate(cfg["calibration"])
    for name in ("data", "held_out"):
        pair = instantiate(cfg[name])[0]
        if pair.truth is None or pair.region is None:
            raise ValueError(
                f"{name} has no true pictures, without which there is no garment SSIM: use synthetic pairs"
            )


def _check_mode(quantization: Config) -> None:
    """A mode that leaves these graphs as they are would be told to cost nothing."""
    mode = instantiate(used(quantization))
    if "openvino" not in mode.step_runtimes or isinstance(mode, NoQuantization):
        raise ValueError(
            f"quantization={quantization[TARGET].split('.')[-2]} changes nothing in a network that paints in steps: "
            "use hybrid or nncf_ptq"
        )


def _check_budget(budget: Any) -> None:
    if not isinstance(budget, Mapping) or {*budget} != {*BUDGETED}:
        raise ValueError(f"budget={budget}: give {' and '.join(f'budget.{name}' for name in BUDGETED)}, and no other")
    for name, value in budget.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ValueError(f"budget.{name}={value}: give what the network may lose of it, above 0 and up to 1")
