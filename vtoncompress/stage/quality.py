"""Fifth stage: every test pair through the deployed network, and the metrics of its pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate

from vtoncompress.data.base import Pair, TryOnData
from vtoncompress.deployment import FILES, open_deployment
from vtoncompress.export.base import Tensors
from vtoncompress.image import read_image, write_image
from vtoncompress.metric.base import Batch, Prediction, ReferencedMetric
from vtoncompress.pair_error import PAIR_ERROR, error
from vtoncompress.picture_grid import difference, write_grid
from vtoncompress.progress import Progress
from vtoncompress.sampling.noise import LARGEST_SEED
from vtoncompress.stage.chosen_pairs import Paint, choose
from vtoncompress.stage.measurements import write_measurements
from vtoncompress.try_on import pair_tensors, to_image, to_tensors

GRID, CHOSEN = "pictures.png", "chosen.png"
BATCH = 32
GRID_PAIRS = 6

Predict = Callable[[Pair, int], Prediction]
"""What is made of a pair and its place in the data."""


def make(config: Mapping[str, Any], deployed: Path, dense: Path, *folders: Path) -> None:
    """Write ``measurements.json``, ``pictures.png`` and ``chosen.png``.

    Args:
        config: ``data``, ``metric``, for a model in steps ``sampling``.
        deployed: what is measured.
        dense: checkpoint of the network before anything was done to it.
        folders: known features of the reference pictures, those of an extractor each, then the artifact's own and, of a
            model in steps, whose pictures take seconds each, one for those that are painted.
    """
    runtime, inputs = open_deployment(deployed / FILES).runtime, inputs_of(config)
    *known, out = folders[:-1] if config.get("sampling") else folders

    def predict(pair: Pair, place: int) -> Prediction:
        outputs = runtime(inputs(pair, place))
        flow = outputs.get("flow")
        return Prediction(to_image(outputs["image"]), None if flow is None else flow[0].transpose(1, 2, 0).copy())

    painted = kept(predict, folders[-1]) if config.get("sampling") else predict
    measure(config, painted, known, out, _open_dense(config, dense))


def kept(predict: Predict, folder: Path) -> Predict:
    """``predict`` of a model without a flow; pictures outlive a kill: those in ``folder`` are not painted again."""

    def recall(pair: Pair, place: int) -> Prediction:
        path = folder / f"{place}.png"
        with contextlib.suppress(ValueError):  # none yet, or one that was lost to a power cut
            return Prediction(read_image(path))
        prediction = predict(pair, place)
        assert prediction.flow is None, "a flow would be lost"
        write_image(path, prediction.image)
        return prediction

    return recall


def inputs_of(config: Mapping[str, Any]) -> Callable[[Pair, int], Tensors]:
    """What networks are given of a pair and its place in the data, the dense one as the deployed one.

    For a model that works in steps that has the pair's own noise, the same in every row: its seed is the sampler's and
    the place. With one noise for all pairs FID and KID would be of one draw.
    """
    if not config.get("sampling"):
        return lambda pair, _: pair_tensors(pair)
    first: int = instantiate(config["sampling"]).seed

    def inputs(pair: Pair, place: int) -> Tensors:
        seeds: Any = np.array([(first + place) % (LARGEST_SEED + 1)])  # whole numbers
        return pair_tensors(pair) | {"seeds": seeds}

    return inputs


def _open_dense(config: Mapping[str, Any], dense: Path) -> Paint:
    from vtoncompress.export.torch import TorchRuntime
    from vtoncompress.stage.sampling import load_baseline

    runtime, inputs = TorchRuntime(load_baseline(dense, config)), inputs_of(config)
    return lambda pair, place: to_image(runtime(inputs(pair, place))["image"])


def make_reference(config: Mapping[str, Any], *folders: Path) -> None:
    """As :func:`make` for the row of :mod:`vtoncompress.reference` called ``config["reference"]``."""
    from vtoncompress.reference import REFERENCES

    reference = next(row for row in REFERENCES if row.name == config["reference"])
    answer = reference.predict
    assert answer is not None, f"{reference.name} takes a network"
    measure(config, lambda pair, _: answer(pair), folders[:-1], folders[-1])


def make_ceiling(config: Mapping[str, Any], dense: Path, *folders: Path) -> None:
    """As :func:`make` for :data:`vtoncompress.reference.CEILING`, by the autoencoder of the network in ``dense``."""
    from vtoncompress import checkpoint
    from vtoncompress.model.base import StepwiseModel

    model = checkpoint.load(dense)
    assert isinstance(model, StepwiseModel), "only a model that works in steps has an autoencoder"
    networks = model.networks()

    def predict(pair: Pair, _: int) -> Prediction:
        assert pair.truth is not None, "the ceiling needs the truth"
        shown = to_tensors(pair.truth, pair.garment, pair.garment_mask)["person"]
        return Prediction(to_image(networks.decode(networks.encode(shown))))

    measure(config, predict, folders[:-1], folders[-1])


def measure(
    config: Mapping[str, Any],
    predict: Predict,
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
        pairs_left = enumerate(data)
        while numbered := list(islice(pairs_left, BATCH)):
            pairs, predictions = [pair for _, pair in numbered], []
            for place, pair in numbered:
                predictions.append(predict(pair, place))
                if pair.truth is not None:
                    errors.append(error(predictions[-1].image, pair.truth))
                progress.step()
            batch = Batch(pairs, predictions)
            for metric in metrics.values():
                metric.update(batch)
    found = {name: metric.compute() for name, metric in metrics.items()}
    if dense is not None:
        found[PAIR_ERROR] = choose(data, lambda pair, place: predict(pair, place).image, dense, errors, out / CHOSEN)
    write_measurements(found, out)
    _write_pictures(islice(data, GRID_PAIRS), predict, out / GRID)


def _write_pictures(pairs: Iterable[Pair], predict: Predict, path: Path) -> None:
    rows = []
    for place, pair in enumerate(pairs):
        result = predict(pair, place).image
        truth = [] if pair.truth is None else [pair.truth, difference(pair.truth, result)]
        rows.append([pair.person, pair.garment, result, *truth])
    titles = ["person", "garment", "result", *(["truth", "difference"] if len(rows[0]) == 5 else [])]
    write_grid(path, rows, titles)
