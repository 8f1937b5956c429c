"""The stages of a quantization sensitivity: a point each, so that a kill loses one at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import instantiate

from vtoncompress import fingerprint
from vtoncompress.options import TARGET, used
from vtoncompress.pipeline import FLOAT32, Stage

NAME = "quantization_sensitivity"
OPENVINO = "vtoncompress.export.openvino.OpenVINOExporter"
WORK = f"vtoncompress.stage.{NAME}"
Config = Mapping[str, Any]


def plan_float(cfg: Config, model: Stage) -> Stage:
    """The network in float32, which the points are held against, and the grids that they take."""
    if sampling := cfg["model"].get("sampling"):
        told = {"sampling": sampling, **_pictures(cfg)}
        return Stage(NAME, f"{WORK}_steps:make_float", told, (_deploy(cfg, model),))
    data = cfg["training_data"]
    calibration = Stage(
        "calibration", "vtoncompress.stage.calibration:make",
        {"calibration": cfg["calibration"], "data": data, **_files(data)},
    )  # fmt: skip
    return Stage(NAME, f"{WORK}:make_float", _pictures(cfg), (model, calibration))


def plan_point(cfg: Config, model: Stage, float32: Stage, layers: Sequence[str]) -> Stage:
    """Quality with ``layers`` in INT8 and all else as in ``float32``."""
    if sampling := cfg["model"].get("sampling"):
        deployed, data = _deploy(cfg, model), cfg["training_data"]
        walked = Stage(
            "trajectories", "vtoncompress.stage.trajectories:make",
            {"trajectories": cfg["trajectories"], "calibration": cfg["calibration"], "data": data, **_files(data)},
            (deployed,),
        )  # fmt: skip
        left_out = ("modules", "float_layers")
        mode = {name: value for name, value in used(cfg["quantization"]).items() if name not in left_out}
        told = {"layers": sorted(layers), "quantization": mode, "sampling": sampling, **_pictures(cfg)}
        return Stage(NAME, f"{WORK}_steps:make", told, (model, deployed, walked, float32))
    return Stage(NAME, f"{WORK}:make", {"layers": sorted(layers), **_pictures(cfg)}, (model, float32))


def _deploy(cfg: Config, model: Stage) -> Stage:
    """A model that works in steps as OpenVINO gets it, from which its points are made."""
    config = {
        "parity_data": {**cfg["data"], "pairs": 1}, **_files(cfg["data"]), "quantization": {TARGET: FLOAT32},
        "export": {TARGET: OPENVINO}, "sampling": cfg["model"]["sampling"], "model": cfg["model"]["name"],
        "seed": cfg["seed"],
    }  # fmt: skip
    return Stage("deployment", "vtoncompress.stage.deployment:make", config, (model,))


def _pictures(cfg: Config) -> dict[str, Any]:
    return {"data": cfg["data"], **_files(cfg["data"]), "seed": cfg["seed"]}


def _files(data: Config) -> dict[str, str]:
    """The contents of a data set that is read and not drawn."""
    paths = instantiate(data).files()
    return {"files": fingerprint.files_hash(paths)} if paths else {}
