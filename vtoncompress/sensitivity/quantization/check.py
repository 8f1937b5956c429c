"""What can't work is refused before any work."""

from __future__ import annotations

import fnmatch

import torch
from hydra.utils import instantiate

from vtoncompress.model.base import StepwiseModel
from vtoncompress.options import check_types
from vtoncompress.record import NAME
from vtoncompress.sensitivity.quantization.plan import Config
from vtoncompress.stage.model import check_sources


def check(cfg: Config) -> None:
    """ValueError, with its remedy, for an option that can't work."""
    if not all(NAME.fullmatch(part) for part in str(cfg["name"]).split("/")):
        raise ValueError(f"name={cfg['name']} can't name a folder of results: use letters, digits and . _ + = -")
    check_types(cfg)
    check_sources(cfg["model"])
    depth, budget = cfg["depth"], cfg["budget"]
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise ValueError(f"depth={depth}: give how many parts of a name make a group, 1 or more, or null for layers")
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget <= 1:
        raise ValueError(f"budget={budget}: give the garment SSIM that the network may lose, 0 to 1")
    with torch.device("meta"):  # no memory, no time: the names are what is checked
        network = instantiate(cfg["model"]["network"])
    names = [name for name, _ in network.named_modules()]
    if unknown := [name for name in cfg["scope"]["modules"] if not fnmatch.filter(names, name)]:
        parts = ", ".join(network.parts)
        raise ValueError(f"scope.modules: the network has no {unknown[0]}; name modules such as {parts}")
    if isinstance(network, StepwiseModel):
        network.set_sampling(instantiate(cfg["model"]["sampling"]))
    instantiate(cfg["calibration"])
    pair = instantiate(cfg["data"])[0]
    if pair.truth is None or pair.region is None:
        raise ValueError("data has no true pictures, without which there is no garment SSIM: use data=synthetic")
