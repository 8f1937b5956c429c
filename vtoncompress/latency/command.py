"""Measuring as a command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress.environment import environment
from vtoncompress.latency.geometry import PRECISIONS
from vtoncompress.latency.lookup import write_lookup
from vtoncompress.latency.measure import measure
from vtoncompress.machine import use
from vtoncompress.options import check_kinds


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
    check_kinds(config, {"repetitions": int, "threads": int | None}, {"repetitions": 1, "threads": 1})
    machine = environment()
    threads = config["threads"] or min(machine["cores"], machine["threads_available"])
    model = instantiate(config["model"]["network"])
    with use(alone=True):
        lookup = measure(model, precision, threads, repetitions, {"model": config["model"]["name"], **machine})
    path = Path(config["results"]) / "latency" / f"{config['model']['name']}_{precision}.json"
    write_lookup(lookup, path)
    return path
