"""Fifth stage: every test pair through the deployed network, and the metrics of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress.data.base import Pair, TryOnData
from vtoncompress.deployment import FILES, open_deployment
from vtoncompress.metric.base import Batch, Prediction, ReferencedMetric
from vtoncompress.pair_error import PAIR_ERROR, error
from vtoncompress.picture_grid import difference, write_grid
from vtoncompress.progress import Progress
from vtoncompress.stage.chosen_pairs import Paint, choose
from vtoncompress.stage.measurements import write_measurements
from vtoncompress.try_on import pair_tensors, to_image, to_tensors

GRID, CHOSEN = "pictures.png", "chosen.png"
BATCH = 32
GRID_PAIRS = 6


def make(config: Mapping[str, Any], deployed: Path, dense: Path, *folders: Path) -> None:
    """Write ``measurements.json``, ``pictures.png`` and ``chosen.png``.

    Args:
        config: ``data``, ``metric``, for a model in steps ``sampling``.
        deployed: what is measured.
        dense: checkpoint of the network before anything was done to it.
        folders: known features of the reference pictures, those of an extractor each, and last the artifact's own.
    """
    runtime = open_deployment(deployed / FILES).runtime

    def predict(pair: Pair) -> Prediction:
        outputs = runtime(pair_tensors(pair))
        flow = outputs.get("flow")
        return Prediction(to_image(outputs["image"]), None if flow is None else flow[0].transpose(1, 2, 0).copy())

    measure(config, predict, folders[:-1], folders[-1], _open_dense(config, dense))


def _open_dense(config: Mapping[str, Any], dense: Path) -> Paint:
    from vtoncompress.export.torch import TorchRuntime
    from vtoncompress.stage.sampling import load_baseline

    runtime = TorchRuntime(load_baseline(dense, config))
    return lambda pair: to_image(runtime(pair_tensors(pair))["image"])


def make_reference(config: Mapping[str, Any], *folders: Path) -> None:
    """As :func:`make` for the row of :mod:`vtoncompress.reference` called ``config["reference"]``."""
    from vtoncompress.reference import REFERENCES

    reference = next(row for row in REFERENCES if row.name == config["reference"])
    assert reference.predict is not None, f"{reference.name} takes a network"
    measure(config, reference.predict, folders[:-1], folders[-1])


def make_ceiling(config: Mapping[str, Any], dense: Path, *folders: Path) -> None:
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

    measure(config, predict, folders[:-1], folders[-1])


def measure(
    config: Mapping[str, Any],
    predict: Callable[[Pair], Prediction],
    known: Sequence[Path],
    out: Path,
    dense: Paint | None = None,
) -> None:
    """Run ``predict`` over the data and write what the metrics found; memory does not grow with the pairs' pixels.

    Where ``dense`` says what the dense network makes of a pair, two pairs are shown beside it, see
    :mod:`vtoncompress.stage.chosen_pairs`.
    """
    data: TryOnData = instantiate(config["data"])
    metrics = {name: instantiate(metric) for name, metric in config["metric"].items()}
    for metric in metrics.values():
        if isinstance(metric, ReferencedMetric):
            # Where none is of its extractor it looks at the persons itself.
            any(metric.refer_to(folder) for folder in known)
    errors = []
    with Progress("test pairs", len(data)) as progress:
        pairs_left = iter(data)
        while pairs := list(islice(pairs_left, BATCH)):
            predictions = []
            for pair in pairs:
                predictions.append(predict(pair))
                if pair.truth is not None:
                    errors.append(error(predictions[-1].image, pair.truth))
                progress.step()
            batch = Batch(pairs, predictions)
            for metric in metrics.values():
                metric.update(batch)
    found = {name: metric.compute() for name, metric in metrics.items()}
    if dense is not None:
        found[PAIR_ERROR] = choose(data, lambda pair: predict(pair).image, dense, errors, out / CHOSEN)
    write_measurements(found, out)
    _write_pictures(islice(data, GRID_PAIRS), predict, out / GRID)


def _write_pictures(pairs: Iterable[Pair], predict: Callable[[Pair], Prediction], path: Path) -> None:
    rows = []
    for pair in pairs:
        result = predict(pair).image
        truth = [] if pair.truth is None else [pair.truth, difference(pair.truth, result)]
        rows.append([pair.person, pair.garment, result, *truth])
    titles = ["person", "garment", "result", *(["truth", "difference"] if len(rows[0]) == 5 else [])]
    write_grid(path, rows, titles)
