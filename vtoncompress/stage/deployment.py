"""The stage before measurement: exported, quantized, and held against the torch network before anything is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.deployment import FILES, write_manifest
from vtoncompress.environment import environment
from vtoncompress.export.parity import check_parity
from vtoncompress.stage.quantization import RECORD, material
from vtoncompress.stage.seed import set_seed
from vtoncompress.try_on import to_tensors

PARITY = "parity.json"


def make(config: Mapping[str, Any], tuned: Path, out: Path) -> None:
    """Write the runtime's ``files``, ``parity.json`` and ``quantization.json``.

    ``config``: ``quantization``, ``export``, ``parity_data``, ``model`` (its name), ``seed``.

    Raises:
        ParityError: the exported network paints something else than the torch network.
    """
    _make(config, tuned, tuned, None, out)


def make_calibrated(config: Mapping[str, Any], tuned: Path, calibrated: Path, out: Path) -> None:
    """As :func:`make`, for a mode that looks at calibration inputs."""
    _make(config, tuned, tuned, calibrated, out)


def make_prepared(config: Mapping[str, Any], tuned: Path, calibrated: Path, prepared: Path, out: Path) -> None:
    """As :func:`make_calibrated`, for a mode that has quantized the torch module before."""
    _make(config, tuned, prepared, calibrated, out)


def _make(config: Mapping[str, Any], tuned: Path, prepared: Path, calibrated: Path | None, out: Path) -> None:
    set_seed(config["seed"])
    model = checkpoint.load(tuned)
    exporter, quantization = instantiate(config["export"]), instantiate(config["quantization"])
    files = out / FILES
    module = checkpoint.load(prepared)
    exporter.export(module, files)
    told = quantization.convert(files, exporter.runtime, model, material(config, calibrated))
    before = json.loads((prepared / RECORD).read_text()) if (prepared / RECORD).is_file() else {}
    (out / RECORD).write_text(json.dumps({**before, **told}))
    test = [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in instantiate(config["parity_data"])]
    # Further training changes the picture as it should; what it ended in is what the runtime must paint.
    reference = module if "training" in config["quantization"] else model
    parity = check_parity(reference, exporter.open(files), test, quantization.tolerance)
    (out / PARITY).write_text(json.dumps({**parity, "tolerance": quantization.tolerance, "parity_pairs": len(test)}))
    write_manifest(
        files,
        exporter,
        model=config["model"],
        size=model.size,
        convention=model.arguments().get("convention"),
        versions=environment()["versions"],
    )
