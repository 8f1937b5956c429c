"""As :mod:`vtoncompress.stage.quantization_sensitivity`, of a model that works in steps: on its exported graphs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray

from vtoncompress.deployment import FILES
from vtoncompress.export.openvino import open_runtime
from vtoncompress.export.parity import LEVELS_PER_UNIT
from vtoncompress.quantization.base import Material
from vtoncompress.stage import trajectories
from vtoncompress.stage.quantization_sensitivity import PICTURES, POINT, look, read_pairs
from vtoncompress.stage.sampling import load_sampled
from vtoncompress.stage.seed import set_seed


def make_float(config: Mapping[str, Any], deployed: Path, out: Path) -> None:
    """Write what points are held against: ``point.json`` and ``pictures.npy``.

    ``config``: ``data``, ``seed``, ``sampling``.
    """
    set_seed(config["seed"])
    values, pictures = _look(deployed / FILES, config)
    np.save(out / PICTURES, pictures)
    (out / POINT).write_text(json.dumps({**values, "picture_difference": 0.0}))


def make(config: Mapping[str, Any], dense: Path, deployed: Path, walked: Path, float_point: Path, out: Path) -> None:
    """Write ``point.json``, columns as of the other module.

    ``config``: ``layers`` to quantize, ``quantization`` (how, naming none), ``data``, ``seed``, ``sampling``.
    """
    set_seed(config["seed"])
    mode = instantiate({**config["quantization"], "modules": config["layers"], "float_layers": []})
    with TemporaryDirectory() as folder:
        shutil.copytree(deployed / FILES, folder, dirs_exist_ok=True)
        material = Material(trajectories=trajectories.read(walked))
        mode.convert(Path(folder), "openvino", load_sampled(dense, config), material)
        values, pictures = _look(Path(folder), config)
    difference = np.abs(pictures - np.load(float_point / PICTURES)).mean(dtype=np.float64) * LEVELS_PER_UNIT
    (out / POINT).write_text(json.dumps({**values, "picture_difference": float(difference)}))


def _look(folder: Path, config: Mapping[str, Any]) -> tuple[dict[str, float], NDArray[np.float32]]:
    pairs = read_pairs(json.dumps(config["data"], sort_keys=True))
    return look(open_runtime(folder), pairs, config["sampling"]["seed"])
