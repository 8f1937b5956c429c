"""Third stage: what pruning took is trained back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.model.base import TryOnModel
from vtoncompress.stage.seed import set_seed


def make(config: Mapping[str, Any], pruned: Path, out: Path, work: Path) -> None:
    """``config``: ``finetuning``, ``training_data``, ``seed``. ``work`` keeps what a killed run goes on from."""
    _train(config, pruned, None, out, work)


def make_from_dense(config: Mapping[str, Any], pruned: Path, dense: Path, out: Path, work: Path) -> None:
    """As :func:`make`, with the network before pruning as the teacher."""
    _train(config, pruned, checkpoint.load(dense), out, work)


def _train(config: Mapping[str, Any], pruned: Path, teacher: TryOnModel | None, out: Path, work: Path) -> None:
    set_seed(config["seed"])
    model = checkpoint.load(pruned)
    finetuning, data = instantiate(config["finetuning"]), instantiate(config["training_data"])
    summary = finetuning.train(model, data, work, teacher)
    checkpoint.save(model, out)
    (out / "training.json").write_text(json.dumps(summary))
