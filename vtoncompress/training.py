"""Training of a dense network from scratch, to a checkpoint that says how it was made."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.environment import environment
from vtoncompress.stage.seed import set_seed

SUMMARY = "training.json"


def train(cfg: Mapping[str, Any]) -> Path:
    """Train ``cfg["model"]["network"]`` and write the checkpoint to ``cfg["out"]``.

    A run that was stopped goes on from its last checkpoint in ``<out>.work``. ``seconds`` add up over the runs that
    ended by themselves or by Ctrl-C; what a killed one took is lost.

    Raises:
        ValueError: the folder holds a checkpoint already, or work of a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    out, work = Path(cfg["out"]), Path(f"{cfg['out']}.work")
    if (out / checkpoint.STRUCTURE).exists():
        raise ValueError(f"{out} holds a checkpoint already: remove it, or choose another with out=FOLDER")
    work.mkdir(parents=True, exist_ok=True)
    clock = _Clock(work / "seconds")
    set_seed(cfg["seed"])
    model = instantiate(cfg["model"]["network"])
    with clock:
        summary = instantiate(cfg["finetuning"]).train(model, instantiate(cfg["training_data"]), work)
    unfinished = out.with_name(f".{out.name}.part")
    checkpoint.save(model, unfinished, getattr(torch, cfg["weights_dtype"]))
    description = {
        "config": {key: cfg[key] for key in ("model", "finetuning", "training_data", "seed", "weights_dtype")},
        "seconds": round(clock.total),
        "threads": torch.get_num_threads(),
        **summary,
        **environment(),
    }
    (unfinished / SUMMARY).write_text(json.dumps(description, indent=1) + "\n")
    unfinished.replace(out)
    shutil.rmtree(work)
    return out


class _Clock:
    """Seconds spent inside ``with``, over all runs that shared ``path``, kept when a run is interrupted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = float(path.read_text()) if path.exists() else 0.0

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.total += time.monotonic() - self.started
        self.path.write_text(str(self.total))
