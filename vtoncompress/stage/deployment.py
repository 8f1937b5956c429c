"""Fourth stage: quantized, exported, and held against the torch network before anything is measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.deployment import FILES, write_manifest
from vtoncompress.environment import environment
from vtoncompress.export.base import Tensors
from vtoncompress.export.parity import check_parity
from vtoncompress.stage.seed import set_seed
from vtoncompress.try_on import to_tensors

PARITY = "parity.json"


def make(config: Mapping[str, Any], tuned: Path, out: Path) -> None:
    """Write the runtime's ``files`` and ``parity.json``.

    ``config``: ``quantization``, ``export``, ``parity_data``, ``model`` (its name), ``seed``, and for a mode that
    calibrates ``calibration_data`` and ``calibration_pairs``.

    Raises:
        ParityError: the exported network paints something else than the torch network.
    """
    set_seed(config["seed"])
    model = checkpoint.load(tuned)
    exporter, quantization = instantiate(config["export"]), instantiate(config["quantization"])
    calibrates = "calibration_data" in config
    seen = islice(instantiate(config["calibration_data"]), config["calibration_pairs"]) if calibrates else ()
    calibration = _tensors(seen)
    files = out / FILES
    exporter.export(quantization.prepare(model, calibration), files)
    quantization.convert(files, exporter.runtime, model, calibration)
    test = _tensors(instantiate(config["parity_data"]))
    parity = check_parity(model, exporter.open(files), test, quantization.tolerance)
    (out / PARITY).write_text(json.dumps({**parity, "tolerance": quantization.tolerance, "parity_pairs": len(test)}))
    write_manifest(
        files,
        exporter,
        model=config["model"],
        size=model.size,
        convention=model.arguments().get("convention"),
        versions=environment()["versions"],
    )


def _tensors(pairs: Iterable[Pair]) -> list[Tensors]:
    return [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in pairs]
