"""The stages of a quantization sensitivity: a point each, so that a kill loses one at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import instantiate

from vtoncompress import fingerprint
from vtoncompress.pipeline import Stage

NAME = "quantization_sensitivity"
WORK = f"vtoncompress.stage.{NAME}"
Config = Mapping[str, Any]


def plan_float(cfg: Config, model: Stage) -> Stage:
    """The network in float32, which the points are held against, and the grids that they take."""
    data = cfg["training_data"]
    calibration = Stage(
        "calibration", "vtoncompress.stage.calibration:make",
        {"calibration": cfg["calibration"], "data": data, **_files(data)},
    )  # fmt: skip
    return Stage(NAME, f"{WORK}:make_float", _pictures(cfg), (model, calibration))


def plan_point(cfg: Config, model: Stage, float32: Stage, layers: Sequence[str]) -> Stage:
    """Quality with ``layers`` in INT8 and all else as in ``float32``."""
    return Stage(NAME, f"{WORK}:make", {"layers": sorted(layers), **_pictures(cfg)}, (model, float32))


def _pictures(cfg: Config) -> dict[str, Any]:
    return {"data": cfg["data"], **_files(cfg["data"]), "seed": cfg["seed"]}


def _files(data: Config) -> dict[str, str]:
    """The contents of a data set that is read and not drawn."""
    paths = instantiate(data).files()
    return {"files": fingerprint.files_hash(paths)} if paths else {}
