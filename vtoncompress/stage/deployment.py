"""The stage before measurement: exported, quantized, and held against the torch network before anything is measured."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.deployment import FILES, MANIFEST, write_manifest
from vtoncompress.environment import environment
from vtoncompress.export.base import Exporter, Tensors
from vtoncompress.export.parity import check_parity
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.stage.quantization import RECORD, material
from vtoncompress.stage.sampling import load_sampled
from vtoncompress.stage.seed import set_seed
from vtoncompress.stage.trajectories import read as read_trajectories
from vtoncompress.try_on import pair_tensors

PARITY = "parity.json"
EXPORT_TOLERANCE = 1.0
"""Levels of 255 by which a runtime may differ from the quantized torch module. Sums that end beside a step of INT8 fall
on either side, and every layer behind magnifies that: 0.3 to 0.8 on the small network, 0.01 where nothing is INT8."""

MERGING_TOLERANCE = 1.0
"""At least so many where tokens are merged: of two that are as alike to the last bits either is chosen, and every step
behind carries that on. In 20 steps of a random network that listens to its attention one picture of six was off by
0.009 levels, the others, and all of them without merging, by 0.00001; a trained one magnifies more."""


def make(config: Mapping[str, Any], tuned: Path, out: Path) -> None:
    """Write the runtime's ``files``, ``parity.json`` (what was found and allowed) and ``quantization.json``.

    ``config``: ``quantization``, ``export``, ``parity_data``, ``model`` (its name), ``seed``, and what
    :func:`vtoncompress.stage.quantization.material` reads.

    Raises:
        ParityError: the exported network paints something else than the torch network.
    """
    _convert(config, tuned, None, out)


def make_calibrated(config: Mapping[str, Any], tuned: Path, calibrated: Path, out: Path) -> None:
    """As :func:`make`, for a mode that looks at calibration inputs."""
    _convert(config, tuned, calibrated, out)


def make_prepared(config: Mapping[str, Any], tuned: Path, prepared: Path, out: Path) -> None:
    """As :func:`make`, of a module that is quantized already: it must come out of the runtime as it is in torch.

    ``config``: ``tolerance`` and whether it was ``trained``, instead of ``quantization``. A trained module has no
    ``tolerance`` towards the float network, only the ``export_tolerance`` towards itself.
    """
    set_seed(config["seed"])
    model, module = checkpoint.load(tuned), checkpoint.load(prepared)
    exporter, test = instantiate(config["export"]), _test(config)
    exporter.export(module, out / FILES)
    runtime = exporter.open(out / FILES)
    exported = check_parity(module, runtime, test, EXPORT_TOLERANCE)
    # Further training changes the picture as it should: how far it went from the float network is only told.
    tolerance = None if config["trained"] else config["tolerance"]
    parity: dict[str, float | None] = {
        **check_parity(model, runtime, test, math.inf if tolerance is None else tolerance),
        "parity_export_mean": exported["parity_mean"],
        "export_tolerance": EXPORT_TOLERANCE,
        "tolerance": tolerance,
    }
    shutil.copy(prepared / RECORD, out / RECORD)
    _finish(config, model, exporter, parity, len(test), out)


def make_from_float(config: Mapping[str, Any], tuned: Path, float32: Path, out: Path) -> None:
    """As :func:`make`, from the files of a float32 deployment of the same network for the same runtime."""
    _convert_parts(config, tuned, float32, {}, out)


def make_from_trajectories(
    config: Mapping[str, Any], tuned: Path, float32: Path, trajectories: Path, out: Path
) -> None:
    """As :func:`make_from_float`, for a mode that looks at what the graphs are given."""
    _convert_parts(config, tuned, float32, read_trajectories(trajectories), out)


def _convert_parts(
    config: Mapping[str, Any], tuned: Path, float32: Path, trajectories: Mapping[str, Sequence[Tensors]], out: Path
) -> None:
    set_seed(config["seed"])
    model = load_sampled(tuned, config)
    exporter, quantization = instantiate(config["export"]), instantiate(config["quantization"])
    shutil.copytree(float32 / FILES, out / FILES, ignore=shutil.ignore_patterns(MANIFEST))
    told = quantization.convert(out / FILES, exporter.runtime, model, Material(trajectories=trajectories))
    (out / RECORD).write_text(json.dumps(told))
    test = _test(config)
    found = check_parity(model, exporter.open(out / FILES), test, quantization.tolerance)
    _finish(config, model, exporter, {**found, "tolerance": quantization.tolerance}, len(test), out)


def _convert(config: Mapping[str, Any], tuned: Path, calibrated: Path | None, out: Path) -> None:
    set_seed(config["seed"])
    model = load_sampled(tuned, config)
    exporter, quantization = instantiate(config["export"]), instantiate(config["quantization"])
    exporter.export(model, out / FILES)
    told = quantization.convert(out / FILES, exporter.runtime, model, material(config, calibrated))
    (out / RECORD).write_text(json.dumps(told))
    test, tolerance = _test(config), allowed(quantization, model)
    found = check_parity(model, exporter.open(out / FILES), test, tolerance)
    _finish(config, model, exporter, {**found, "tolerance": tolerance}, len(test), out)


def allowed(quantization: Quantization, model: TryOnModel) -> float:
    """Levels of 255 that the parity gate allows in the mean."""
    merges = isinstance(model, StepwiseModel) and model.sampling.merging > 0
    return max(quantization.tolerance, MERGING_TOLERANCE) if merges else quantization.tolerance


def _test(config: Mapping[str, Any]) -> list[Tensors]:
    return [pair_tensors(pair) for pair in instantiate(config["parity_data"])]


def _finish(
    config: Mapping[str, Any],
    model: TryOnModel,
    exporter: Exporter,
    parity: Mapping[str, float | None],
    pairs: int,
    out: Path,
) -> None:
    (out / PARITY).write_text(json.dumps({**parity, "parity_pairs": pairs}))
    write_manifest(
        out / FILES,
        exporter,
        model=config["model"],
        size=model.size,
        convention=model.arguments().get("convention"),
        versions=environment()["versions"],
        inputs=tuple(model.inputs),
        multiple=model.multiple if exporter.dynamic and isinstance(model, StepwiseModel) else None,
    )
