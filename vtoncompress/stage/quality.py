"""Fifth stage: every test pair through the deployed network, and the metrics of its pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress.data.base import Pair, TryOnData
from vtoncompress.deployment import FILES, open_deployment
from vtoncompress.finetuning.progress import Progress
from vtoncompress.metric.base import Batch, Measurement, Prediction
from vtoncompress.picture_grid import difference, write_grid
from vtoncompress.try_on import pair_tensors, to_image, to_tensors

MEASUREMENTS, GRID = "measurements.json", "pictures.png"
BATCH = 32
GRID_PAIRS = 6


def make(config: Mapping[str, Any], deployed: Path, out: Path) -> None:
    """Write ``measurements.json`` and ``pictures.png``. ``config``: ``data``, ``metric``."""
    runtime = open_deployment(deployed / FILES).runtime

    def predict(pair: Pair) -> Prediction:
        outputs = runtime(pair_tensors(pair))
        flow = outputs.get("flow")
        return Prediction(to_image(outputs["image"]), None if flow is None else flow[0].transpose(1, 2, 0).copy())

    measure(config, predict, out)


def make_reference(config: Mapping[str, Any], out: Path) -> None:
    """As :func:`make` for the row of :mod:`vtoncompress.reference` called ``config["reference"]``."""
    from vtoncompress.reference import REFERENCES

    reference = next(row for row in REFERENCES if row.name == config["reference"])
    assert reference.predict is not None, f"{reference.name} takes a network"
    measure(config, reference.predict, out)


def make_ceiling(config: Mapping[str, Any], dense: Path, out: Path) -> None:
    """As :func:`make` for :data:`vtoncompress.reference.CEILING`, by the autoencoder of the network in ``dense``."""
    from vtoncompress import checkpoint
    from vtoncompress.model.base import StepwiseModel

    model = checkpoint.load(dense)
    assert isinstance(model, StepwiseModel), "only a model that works in steps has an autoencoder"
    networks = model.networks()

    def predict(pair: Pair) -> Prediction:
        assert pair.truth is not None, "the ceiling needs the truth"
        shown = to_tensors(pair.truth, pair.garment, pair.garment_mask)["person"]
        return Prediction(to_image(networks.decode(networks.encode(shown))))

    measure(config, predict, out)


def measure(config: Mapping[str, Any], predict: Callable[[Pair], Prediction], out: Path) -> None:
    """Run ``predict`` over the data and write what the metrics found; memory does not grow with the pairs."""
    data: TryOnData = instantiate(config["data"])
    metrics = {name: instantiate(metric) for name, metric in config["metric"].items()}
    with Progress("test pairs", len(data)) as progress:
        pairs_left = iter(data)
        while pairs := list(islice(pairs_left, BATCH)):
            predictions = []
            for pair in pairs:
                predictions.append(predict(pair))
                progress.step()
            batch = Batch(pairs, predictions)
            for metric in metrics.values():
                metric.update(batch)
    write_measurements({name: metric.compute() for name, metric in metrics.items()}, out)
    _write_pictures(islice(data, GRID_PAIRS), predict, out / GRID)


def write_measurements(measurements: Mapping[str, Measurement], out: Path) -> None:
    """``measurements.json``: metric name -> fields of its :class:`Measurement`."""
    found = {name: asdict(measurement) for name, measurement in measurements.items()}
    (out / MEASUREMENTS).write_text(json.dumps(found))


def _write_pictures(pairs: Iterable[Pair], predict: Callable[[Pair], Prediction], path: Path) -> None:
    rows = []
    for pair in pairs:
        result = predict(pair).image
        truth = [] if pair.truth is None else [pair.truth, difference(pair.truth, result)]
        rows.append([pair.person, pair.garment, result, *truth])
    titles = ["person", "garment", "result", *(["truth", "difference"] if len(rows[0]) == 5 else [])]
    write_grid(path, rows, titles)
