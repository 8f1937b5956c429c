"""The stages of a sensitivity analysis: a point each, so that a kill loses one at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import instantiate

from vtoncompress import fingerprint
from vtoncompress.options import TARGET, used
from vtoncompress.pipeline import Stage, timing

WORK = "vtoncompress.stage.sensitivity"
TIMED_PAIRS = 16
Config = Mapping[str, Any]


def plan_dense(cfg: Config, model: Stage) -> Stage:
    """The dense network, which the points are held against."""
    config = {"layers": [], **_pictures(cfg)}
    return Stage("sensitivity", f"{WORK}:make", config, (model,))


def plan_point(cfg: Config, model: Stage, layers: Sequence[str], pruning: Config) -> Stage:
    """Quality, MACs and parameters with ``layers`` pruned as ``pruning`` says."""
    return Stage("sensitivity", f"{WORK}:make", {**_pruned(cfg, layers, pruning), **_pictures(cfg)}, (model,))


def plan_latency(cfg: Config, model: Stage, layers: Sequence[str], pruning: Config) -> Stage:
    """The time of the network with ``layers`` pruned, in turns with the dense one."""
    export = {"export": cfg["export"], "model": cfg["model"]["name"]}
    dense = Stage("sensitivity", f"{WORK}:export_dense", export, (model,))
    few = {**cfg["data"], "pairs": min(TIMED_PAIRS, len(instantiate(cfg["data"])))}
    config = {
        **_pruned(cfg, layers, pruning), **export, "timing": cfg["timing"], "data": few, **_files(few),
        "seed": cfg["seed"], **timing(cfg["deployed_threads"]),
    }  # fmt: skip
    return Stage("sensitivity", f"{WORK}:make_latency", config, (model, dense), alone=True)


def pruning_at(cfg: Config, ratio: float, parts: Mapping[str, float] | None = None) -> dict[str, Any]:
    """The config of the pruning with another ratio, and ``parts`` of the network with ratios of their own."""
    return {**used(cfg["pruning"]), "ratio": ratio, "ratios": dict(parts or {})}


def _pruned(cfg: Config, layers: Sequence[str], pruning: Config) -> dict[str, Any]:
    criterion = used(cfg["criterion"])
    looked_at = {} if criterion.keys() == {TARGET} else {"training_data": cfg["training_data"]}
    return {"layers": [*layers], "pruning": dict(pruning), "criterion": criterion, **looked_at}


def _pictures(cfg: Config) -> dict[str, Any]:
    pairs = cfg["batch_norm_pairs"]
    again = {"batch_norm_pairs": pairs, "training_data": cfg["training_data"]} if pairs else {}
    return {"data": cfg["data"], **_files(cfg["data"]), **again, "seed": cfg["seed"]}


def _files(data: Config) -> dict[str, str]:
    """The contents of a data set that is read and not drawn."""
    paths = instantiate(data).files()
    return {"files": fingerprint.files_hash(paths)} if paths else {}
