"""Sixth stage: the network's cost, its files' size and its speed, one metric at a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate

from vtoncompress.affinity import pinned
from vtoncompress.deployment import FILES, open_deployment
from vtoncompress.export.deferred import DeferredRuntime
from vtoncompress.export.performance import LATENCY
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.metric.base import Subject
from vtoncompress.stage.measurements import write_measurements
from vtoncompress.stage.sampling import load_baseline, load_sampled


def make(config: Mapping[str, Any], dense: Path, tuned: Path, deployed: Path, out: Path) -> None:
    """Write ``measurements.json``.

    ``config``: ``metric`` (one), ``data``; for time ``threads`` of both networks, on as many cores, and ``performance``
    where they are not set for latency.
    """
    threads, performance = config.get("threads"), config.get("performance", LATENCY)
    # Before anything starts threads: they stay where they are started.
    cores: AbstractContextManager[Any] = nullcontext() if threads is None else pinned(threads)
    if threads is not None:
        torch.set_num_threads(threads)
    with cores:
        subject = Subject(
            model=load_sampled(tuned, config),
            folder=deployed / FILES,
            runtime=DeferredRuntime(
                lambda: open_deployment(deployed / FILES, threads, performance=performance).runtime
            ),
            baseline=DeferredRuntime(lambda: _baseline(config, dense, threads)),
            pairs=instantiate(config["data"])[:],
            dense=load_sampled(dense, config),
        )
        found = {name: instantiate(metric).measure(subject) for name, metric in config["metric"].items()}
    write_measurements(found, out)


def _baseline(config: Mapping[str, Any], dense: Path, threads: int | None) -> TorchRuntime:
    model = load_baseline(dense, config)
    model.use_definitions()
    return TorchRuntime(model, threads)
