"""One point of a sensitivity analysis: some layers of the dense network pruned, what that costs and what it saves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.utils import instantiate
from torch import nn

from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.deployment import FILES, open_deployment, write_manifest
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.metric.base import Batch, Prediction, Subject
from vtoncompress.metric.flow_error import FlowError
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.metric.macs import count_call
from vtoncompress.model.base import TryOnModel
from vtoncompress.stage.seed import set_seed
from vtoncompress.try_on import pair_tensors, to_image

POINT = "point.json"
BATCH = 32


def make(config: Mapping[str, Any], dense: Path, out: Path) -> None:
    """Write ``point.json``: ``values`` of the pictures (by column), ``macs``, ``parameters``, ``channels`` by layer.

    ``config``: ``layers`` to prune (none for the dense network), ``pruning``, ``criterion``, ``data``, ``seed``, and
    where batch norms are to be estimated anew or gradients computed ``batch_norm_pairs`` and ``training_data``.
    """
    model = _open(config, dense)
    if pairs := config.get("batch_norm_pairs"):
        reestimate(model, instantiate(config["training_data"]), pairs)
    point = {
        "values": _look(model, _read_pairs(json.dumps(config["data"], sort_keys=True))),
        "macs": count_call(model).total,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "channels": {name: layer.out_channels for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)},
    }
    (out / POINT).write_text(json.dumps(point))


def export_dense(config: Mapping[str, Any], dense: Path, out: Path) -> None:
    """Write the ``files`` of the dense network for the runtime of ``config["export"]``; ``model`` is its name."""
    _export(config, checkpoint.load(dense), out / FILES)


def make_latency(config: Mapping[str, Any], dense: Path, deployed: Path, out: Path) -> None:
    """Write ``point.json``: median latency in ms, and that of the dense network, ``deployed``, timed in turns with it.

    ``config``: as for :func:`make`, with ``export``, ``timing`` (the metric), ``model`` (its name) and ``threads``.
    """
    model, threads = _open(config, dense), config["threads"]
    with TemporaryDirectory() as folder:
        _export(config, model, Path(folder))
        runtime, baseline = (open_deployment(files, threads).runtime for files in (Path(folder), deployed / FILES))
        pairs = instantiate(config["data"])[:]
        found = instantiate(config["timing"]).measure(Subject(model, Path(folder), runtime, baseline, pairs))
    times = {"latency_ms": found.values["latency_ms_p50"], "dense_ms": found.details["baseline_latency_ms_p50"]}
    (out / POINT).write_text(json.dumps({**times, "runtime": runtime.describe()}))


def _open(config: Mapping[str, Any], dense: Path) -> TryOnModel:
    """The dense network, with ``config["layers"]`` pruned and nothing else."""
    set_seed(config["seed"])
    model = checkpoint.load(dense)
    if config["layers"]:
        pruning, criterion = instantiate(config["pruning"]), instantiate(config["criterion"])
        pruning.prune(model, config["layers"], criterion, instantiate(config.get("training_data")))
    return model


def _export(config: Mapping[str, Any], model: TryOnModel, folder: Path) -> None:
    exporter = instantiate(config["export"])
    exporter.export(model, folder)
    write_manifest(folder, exporter, model=config["model"], size=model.size)


def _look(model: TryOnModel, pairs: list[Pair]) -> dict[str, float]:
    """Garment SSIM and L1 and flow error by column, of the network run eagerly in float32."""
    runtime, metrics = TorchRuntime(model), (GarmentLikeness(), FlowError())
    left = iter(pairs)
    while some := list(islice(left, BATCH)):
        batch = Batch(some, [_predict(runtime, pair) for pair in some])
        for metric in metrics:
            metric.update(batch)
    garment, flow = (metric.compute() for metric in metrics)
    if garment.missing:
        raise ValueError(f"these pairs give no garment SSIM: {next(iter(garment.missing.values()))}; use others")
    return {**garment.values, **flow.values}


def _predict(runtime: TorchRuntime, pair: Pair) -> Prediction:
    outputs = runtime(pair_tensors(pair))
    flow = outputs.get("flow")
    return Prediction(to_image(outputs["image"]), None if flow is None else flow[0].transpose(1, 2, 0).copy())


@lru_cache(maxsize=1)
def _read_pairs(data: str) -> list[Pair]:
    """Of a config in JSON. Hundreds of points look at the same pairs, and drawing them takes as long as the network."""
    pairs: list[Pair] = instantiate(json.loads(data))[:]
    return pairs
