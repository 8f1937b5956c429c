"""What widths cost in time on this machine, for a pruning that spends its ratio by it and was given no file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtoncompress import checkpoint
from vtoncompress.latency import LOOKUP
from vtoncompress.latency.lookup import write_lookup
from vtoncompress.latency.measure import measure

REPETITIONS = 3


def make(config: Mapping[str, Any], dense: Path, out: Path) -> None:
    """Write ``lookup.json``. ``config``: ``precision``, ``threads``, ``machine``."""
    model = checkpoint.load(dense)
    lookup = measure(model, config["precision"], config["threads"], REPETITIONS, config["machine"])
    write_lookup(lookup, out / LOOKUP)
