"""Sixth stage: the network's cost, its files' size and its speed, one metric at a time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.delivery import FILES
from vtoncompress.deployment import open_deployment
from vtoncompress.export import torch as torch_export
from vtoncompress.metric.base import Subject
from vtoncompress.stage.quality import write_measurements

PAIRS = 16


def make(config: Mapping[str, Any], dense: Path, tuned: Path, deployed: Path, out: Path) -> None:
    """Write ``measurements.json``. ``config``: ``metric`` (one), ``data``."""
    subject = Subject(
        model=checkpoint.load(tuned),
        folder=deployed / FILES,
        runtime=open_deployment(deployed / FILES).runtime,
        baseline=torch_export.open_runtime(dense),
        pairs=list(islice(instantiate(config["data"]), PAIRS)),
    )
    write_measurements({name: instantiate(metric).measure(subject) for name, metric in config["metric"].items()}, out)
