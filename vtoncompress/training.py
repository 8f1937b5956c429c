"""Training of a dense network from scratch, to a checkpoint that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.finetuning.processes import join_group
from vtoncompress.finetuning.teacher_choice import DENSE, NO_DENSE
from vtoncompress.model.base import TryOnModel
from vtoncompress.options import check_budget, check_types, used
from vtoncompress.shipped import checkpoint_folder
from vtoncompress.stage.seed import set_seed
from vtoncompress.trained import SUMMARY, Clock, write_trained

DTYPES = ("float16", "bfloat16", "float32")


def train(cfg: Mapping[str, Any]) -> Path:
    """Train ``cfg["model"]["network"]``, or the network of ``cfg["start"]`` further, to a checkpoint in ``cfg["out"]``.

    A run that was stopped goes on from its last checkpoint in ``<out>.work``. ``seconds`` add up over the runs that
    ended by themselves or by Ctrl-C; what a killed one took is lost. Where a launcher started several processes all of
    them train and the main one writes.

    Raises:
        ValueError: the folder holds a checkpoint already, or work of a run with other settings or another start; the
            start can't be opened or is another network.
        FloatingPointError: the loss is not finite.
        ChildProcessError: one of several processes was killed.
    """
    out, work = Path(cfg["out"]), Path(f"{cfg['out']}.work")
    if (out / checkpoint.STRUCTURE).exists():
        raise ValueError(f"{out} holds a checkpoint already: remove it, or choose another with out=FOLDER")
    check_types(cfg)
    check_budget(cfg)
    if cfg["weights_dtype"] not in DTYPES:
        raise ValueError(f"weights_dtype={cfg['weights_dtype']}: choose one of {', '.join(DTYPES)}")
    if used(cfg["finetuning"]).get("teacher") == DENSE:
        raise ValueError(NO_DENSE)
    finetuning = instantiate(cfg["finetuning"])
    with torch.device("meta"):
        finetuning.check(instantiate(cfg["model"]["network"]))
    work.mkdir(parents=True, exist_ok=True)
    group = join_group()
    set_seed(cfg["seed"])
    model, past = _start(cfg)
    with Clock(work / "seconds") if group.is_main_process else nullcontext() as clock:
        summary = finetuning.train(model, instantiate(cfg["training_data"]), work)
    group.destroy_process_group()
    if clock is None:
        return out
    description = {
        "config": {key: cfg[key] for key in ("model", "start", "finetuning", "training_data", "seed", "weights_dtype")},
        "seconds": round(clock.total),
        **summary,
        **past,
    }
    write_trained(model, out, work, description, getattr(torch, cfg["weights_dtype"]))
    return out


def _start(cfg: Mapping[str, Any]) -> tuple[TryOnModel, dict[str, Any]]:
    """The network that training begins with, and how it was trained until then."""
    model = instantiate(cfg["model"]["network"])
    if cfg["start"] is None:
        return model, {}
    folder = checkpoint_folder(cfg["start"])
    start = checkpoint.load(folder)
    for name in model.execution:
        setattr(start, name, getattr(model, name))
    if (type(start), start.arguments()) != (type(model), model.arguments()):
        raise ValueError(
            f"start={cfg['start']} is a network with {start.arguments()}, but the config asks for {model.arguments()}"
        )
    summary = folder / SUMMARY
    return start, {"start": json.loads(summary.read_text()) if summary.exists() else None}
