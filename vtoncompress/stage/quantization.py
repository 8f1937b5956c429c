"""Quantization's first moment: on the torch module, trained on where the mode asks for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import move_off_ties
from vtoncompress.quantization.base import Material
from vtoncompress.stage import calibration
from vtoncompress.stage.seed import set_seed

RECORD = "quantization.json"


def make(config: Mapping[str, Any], tuned: Path, out: Path) -> None:
    """Write the checkpoint of the module to export, and ``quantization.json``.

    ``config``: ``quantization``, ``seed``, and what :func:`material` reads.
    """
    _make(config, tuned, material(config, None), out)


def make_calibrated(config: Mapping[str, Any], tuned: Path, calibrated: Path, out: Path, *work: Path) -> None:
    """As :func:`make`, for a mode that looks at calibration inputs.

    ``work``, which a mode that trains is given, keeps what a killed run goes on from.
    """
    _make(config, tuned, material(config, calibrated, work=next(iter(work), None)), out)


def make_from_dense(
    config: Mapping[str, Any], tuned: Path, calibrated: Path, dense: Path, out: Path, work: Path
) -> None:
    """As :func:`make_calibrated`, with the network before pruning as the teacher of the training."""
    _make(config, tuned, material(config, calibrated, teacher=checkpoint.load(dense), work=work), out)


def _make(config: Mapping[str, Any], tuned: Path, looked_at: Material, out: Path) -> None:
    set_seed(config["seed"])
    model, record = instantiate(config["quantization"]).prepare(checkpoint.load(tuned), looked_at)
    move_off_ties(model)  # a mode gives its toolkit's very numbers, on which runtimes would differ
    checkpoint.save(model, out)
    (out / RECORD).write_text(json.dumps(record))


def material(
    config: Mapping[str, Any], calibrated: Path | None, teacher: TryOnModel | None = None, work: Path | None = None
) -> Material:
    """What the stage before it, and ``validation_data`` and ``training_data`` of ``config``, give a mode to look at."""
    return Material(
        calibration=calibration.read(calibrated) if calibrated else (),
        validation=instantiate(config["validation_data"])[-config["validation_pairs"] :]
        if "validation_data" in config
        else (),
        training=instantiate(config.get("training_data")),
        teacher=teacher,
        work=work,
    )
