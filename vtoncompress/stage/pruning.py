"""Second stage: channels removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.stage.seed import set_seed


def make(config: Mapping[str, Any], dense: Path, out: Path) -> None:
    """``config``: ``pruning``, ``scope``, ``criterion``, ``seed``."""
    set_seed(config["seed"])
    model = checkpoint.load(dense)
    instantiate(config["pruning"]).prune(model, config["scope"], instantiate(config["criterion"]))
    checkpoint.save(model, out)
