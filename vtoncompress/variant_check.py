"""What is refused before any work: a variant's config that can't work."""

from __future__ import annotations

import fcntl
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from vtoncompress.deployment import check_performance_of
from vtoncompress.finetuning.teacher_choice import DENSE, NO_DENSE
from vtoncompress.options import TARGET, built, check_budget, check_types, effective, used
from vtoncompress.pipeline import plan
from vtoncompress.record import NAME
from vtoncompress.steps_check import check_steps
from vtoncompress.tracking import choose_tracker
from vtoncompress.variant_config import plain, runtime_of

BUILT = ("criterion", "pruning", "finetuning", "export", "data", "training_data")


def check(cfg: DictConfig | dict[str, Any]) -> None:
    """Refuse, before any work, a config that can't work, :func:`plain` or not. ValueError says what to change."""
    import torch

    from vtoncompress.stage.model import check_sources
    from vtoncompress.stage.published import check_official

    config = plain(cfg)
    _check_name(config["name"], config["variant"])
    check_types(config)
    if (criterion := effective(config)["criterion"]) is not None:
        built(criterion).check(built(config["training_data"]))
    check_budget(config)
    check_sources(config["model"])
    mode = built(used(config["quantization"]))
    runtime, runtimes = runtime_of(config), mode.runtimes
    if runtime not in runtimes:
        choice = config["quantization"]["_target_"].split(".")[-2]
        raise ValueError(
            f"quantization={choice} can't run on {runtime}: it runs on {', '.join(sorted(runtimes))} (set export=...)"
        )
    for group in (*BUILT, "calibration", "trajectories"):
        built(config[group])
    with torch.device("meta"):  # no memory, no time: the arguments are what is checked
        network = built(config["model"]["network"])
    check_official(config["model"], network)
    pruning = built(used(config["pruning"]))
    pruning.check(network, config["scope"]["modules"])
    pruning.check_data(built(config["training_data"]))
    if criterion is not None:
        built(criterion).check_model(network)
    built(config["finetuning"]).check(network)
    mode.check(network)
    check_steps(config, network)
    is_dense = used(config["pruning"]).keys() == {TARGET} and used(config["finetuning"]).get("teacher") == DENSE
    if is_dense and not built(config["finetuning"]).learns_from_equals:
        raise ValueError(NO_DENSE)
    if config["pruning"].get("recovery_samples") and not used(config["finetuning"]).get("samples"):
        raise ValueError("pruning.recovery_samples trains between steps: say how with finetuning=supervised")
    if config["on_failure"] not in ("continue", "stop"):
        raise ValueError(f"on_failure={config['on_failure']}: choose continue or stop")
    choose_tracker(config["tracker"])
    check_performance_of(config["export"]["_target_"].split(".")[-2], config["performance"])
    _check_threads(config["threads"], config["launcher"])
    if not config.get("metric"):
        raise ValueError("metric=[] measures nothing: choose some, for example metric='[cost,size,speed]'")
    for metric in config["metric"].values():
        built({key: value for key, value in metric.items() if key != "kind"})
    for option in ("results", "store"):
        _check_folder(option, Path(config[option]))
    _check_locks(Path(config["store"]))
    plan(config)


def note_unused(arguments: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> None:
    """Say on stderr where the command gives pruning an option and no variant is pruned.

    Args:
        arguments: of the command.
        configs: of its variants, from :func:`complete`.
    """
    told = [match[1] for argument in arguments if (match := re.match(r"\+*pruning\.(\w+)", argument))]
    if told and all(config["choices"]["pruning"] == "none" for config in configs):
        print(f"pruning=none takes no {told[0]}: add pruning=one_shot", file=sys.stderr)


def _check_threads(threads: int | None, launcher: Mapping[str, Any]) -> None:
    """ValueError where this machine lacks them. What a cluster's machines have is not known here."""
    works_here = "cpus" not in launcher or ("address" in launcher and launcher["address"] is None)
    if threads is not None and (threads < 1 or (works_here and threads > (os.cpu_count() or 1))):
        raise ValueError(f"threads={threads}: use 1 to {os.cpu_count() if works_here else 'N'}, or null for all")


def _check_name(name: str | None, variant: str | None) -> None:
    """ValueError unless both can name what is within the results folder."""
    for option, told in (("name", name), ("variant", variant)):
        if told is not None and not all(NAME.fullmatch(part) for part in str(told).split("/")):
            raise ValueError(f"{option}={told} can't name a folder of results: use letters, digits and . _ + = -")


def _check_folder(option: str, folder: Path) -> None:
    """ValueError unless something can be written there. Found out by doing it: root is never denied permission."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):  # without a name, so that a kill leaves nothing behind
            pass
    except OSError as error:
        raise ValueError(
            f"{option}={folder} can't be written ({error.strerror}): choose another with {option}=/some/folder"
        ) from error


def _check_locks(store: Path) -> None:
    """ValueError unless the kernel can lock a file there, of which it frees those of dead processes."""
    with tempfile.TemporaryFile(dir=_existing(store)) as probe:
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(
                f"store={store} can't be locked, its file system lacks flock ({error.strerror}): choose a folder on "
                "another one with store=/some/folder"
            ) from error


def _existing(folder: Path) -> Path:
    """The folder or the nearest of its parents that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
