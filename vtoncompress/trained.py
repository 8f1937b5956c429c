"""A trained network on disk: its checkpoint and, beside it, how it was made."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vtoncompress import checkpoint
from vtoncompress.environment import environment
from vtoncompress.model.base import Network

SUMMARY = "training.json"


def write_trained(
    model: Network, out: Path, work: Path, description: Mapping[str, Any], dtype: torch.dtype | None = None
) -> None:
    """Write checkpoint and ``training.json`` to ``out``, whole or not at all, and remove ``work``."""
    unfinished = out.with_name(f".{out.name}.part")
    checkpoint.save(model, unfinished, dtype)
    told = {**description, "threads": torch.get_num_threads(), **environment()}
    (unfinished / SUMMARY).write_text(json.dumps(told, indent=1) + "\n")
    unfinished.replace(out)
    shutil.rmtree(work)


class Clock:
    """Seconds spent inside ``with``, over all runs that shared ``path``, kept when a run is interrupted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = float(path.read_text()) if path.exists() else 0.0

    def __enter__(self) -> Clock:
        self.started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.total += time.monotonic() - self.started
        self.path.write_text(str(self.total))
