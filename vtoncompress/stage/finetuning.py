"""Third stage: what pruning took is trained back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.stage.seed import set_seed


def make(config: Mapping[str, Any], pruned: Path, out: Path, work: Path) -> None:
    """``config``: ``finetuning``, ``training_data``, ``seed``. ``work`` keeps what a killed run goes on from."""
    set_seed(config["seed"])
    model = checkpoint.load(pruned)
    summary = instantiate(config["finetuning"]).train(model, instantiate(config["training_data"]), work)
    checkpoint.save(model, out)
    (out / "training.json").write_text(json.dumps(summary))
