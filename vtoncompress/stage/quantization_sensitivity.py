"""One point of a quantization sensitivity: some convolutions in INT8, all else in float32, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from torch import nn

from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.export.base import Runtime
from vtoncompress.export.parity import LEVELS_PER_UNIT
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.flow_error import FlowError
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.metric.ssim import Ssim
from vtoncompress.model.integer_convolution import Grid
from vtoncompress.quantization.min_max import input_grids, make_integer
from vtoncompress.stage import calibration
from vtoncompress.stage.seed import set_seed
from vtoncompress.try_on import pair_tensors, to_image

POINT, GRIDS, PICTURES = "point.json", "grids.json", "pictures.npy"
BATCH = 32


def make_float(config: Mapping[str, Any], dense: Path, calibrated: Path, out: Path) -> None:
    """Write what points are held against and made of: ``point.json``, ``pictures.npy`` and ``grids.json``.

    ``config``: ``data``, ``seed``. Grids are those of every convolution, from the calibration inputs.
    """
    set_seed(config["seed"])
    model = fold_batch_norms(checkpoint.load(dense))
    layers = [name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)]
    grids = input_grids(model, layers, calibration.read(calibrated))
    values, pictures = look(TorchRuntime(model), read_pairs(json.dumps(config["data"], sort_keys=True)))
    (out / GRIDS).write_text(json.dumps({name: astuple(grid) for name, grid in grids.items()}))
    np.save(out / PICTURES, pictures)
    (out / POINT).write_text(json.dumps({**values, "picture_difference": 0.0}))


def make(config: Mapping[str, Any], dense: Path, float_point: Path, out: Path) -> None:
    """Write ``point.json``: SSIM, garment SSIM and L1, flow error, and ``picture_difference``, all by column.

    The last is the mean absolute difference to the float32 network's pictures, in levels of 255.

    ``config``: ``layers`` to count in integers, ``data``, ``seed``.
    """
    set_seed(config["seed"])
    model = fold_batch_norms(checkpoint.load(dense))
    grids = json.loads((float_point / GRIDS).read_text())
    make_integer(model, {name: Grid(*grids[name]) for name in config["layers"]})
    values, pictures = look(TorchRuntime(model), read_pairs(json.dumps(config["data"], sort_keys=True)))
    difference = np.abs(pictures - np.load(float_point / PICTURES)).mean(dtype=np.float64) * LEVELS_PER_UNIT
    (out / POINT).write_text(json.dumps({**values, "picture_difference": float(difference)}))


def look(
    runtime: Runtime, pairs: list[Pair], first_seed: int | None = None
) -> tuple[dict[str, float], NDArray[np.float32]]:
    """Metrics by column, and the pictures, (pairs, 3, H, W) in -1..1. ValueError where no garment is to be seen.

    ``first_seed``: of a network that paints from noise; each pair has noise of its own, the same in every look.
    """
    metrics, left = (GarmentLikeness(), FlowError(), Ssim()), iter(pairs)
    pictures: list[NDArray[np.float32]] = []
    while some := list(islice(left, BATCH)):
        predictions = []
        for pair in some:
            seeds = {} if first_seed is None else {"seeds": np.array([first_seed + len(pictures)])}
            outputs = runtime(pair_tensors(pair) | seeds)
            flow = outputs.get("flow")
            pictures.append(outputs["image"][0])
            predictions.append(
                Prediction(to_image(outputs["image"]), None if flow is None else flow[0].transpose(1, 2, 0).copy())
            )
        batch = Batch(some, predictions)
        for metric in metrics:
            metric.update(batch)
    garment, flow_error, whole = (metric.compute() for metric in metrics)
    if garment.missing:
        raise ValueError(f"these pairs give no garment SSIM: {next(iter(garment.missing.values()))}; use others")
    return {**garment.values, **flow_error.values, **whole.values}, np.stack(pictures)


@lru_cache(maxsize=1)
def read_pairs(data: str) -> list[Pair]:
    """Of a data set's config in JSON: every point looks at the same ones."""
    pairs: list[Pair] = instantiate(json.loads(data))[:]
    return pairs
