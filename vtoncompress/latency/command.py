"""Measuring as a command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress.affinity import pinned
from vtoncompress.environment import environment
from vtoncompress.export.openvino_convolution import PRECISIONS
from vtoncompress.finetuning.progress import Progress
from vtoncompress.latency.lookup import Lookup, write_lookup
from vtoncompress.latency.measure import measure, points


def measure_latency(config: Mapping[str, Any]) -> Path:
    """Measure ``model``'s convolutions and write the file. ``config``: see conf/measure_latency.yaml.

    Returns:
        The file.

    Raises:
        ValueError: an option out of range.
    """
    precision, repetitions = config["precision"], config["repetitions"]
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision}: choose one of {', '.join(PRECISIONS)}")
    if repetitions < 1:
        raise ValueError(f"repetitions={repetitions}: use 1 or more")
    machine = environment()
    threads = config["threads"] or min(machine["cores"], machine["threads_available"])
    asked = points(instantiate(config["model"]["network"]))
    grids = {}
    with pinned(threads), Progress("kinds of convolution", len(asked)) as progress:
        for geometry, channels in asked.items():
            grids[geometry] = measure(geometry, channels, precision, threads, repetitions)
            progress.step()
    protocol = {"model": config["model"]["name"], "precision": precision, "threads": threads, **machine}
    path = Path(config["results"]) / "latency" / f"{config['model']['name']}_{precision}.json"
    write_lookup(Lookup(grids, protocol | {"repetitions": repetitions}), path)
    return path
