"""Torch hub's cache of downloaded weights, found without importing torch."""

from __future__ import annotations

import os
from pathlib import Path


def hub_checkpoints() -> Path:
    """The folder in which torch hub keeps weights, by the same environment variables; it need not exist."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME", cache)) / "hub" / "checkpoints"
