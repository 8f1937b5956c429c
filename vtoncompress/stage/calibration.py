"""Between fine-tuning and quantization: the inputs by which ranges of activations are found, drawn or read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from safetensors.numpy import load_file, save_file

from vtoncompress.export.base import Tensors
from vtoncompress.try_on import to_tensors

TENSORS = "calibration.safetensors"


def make(config: Mapping[str, Any], out: Path) -> None:
    """Write ``calibration.safetensors``, each input of all pairs in one tensor. ``config``: ``calibration``, ``data``.

    Raises:
        ValueError: the pictures can't set any range: each is of one colour.
    """
    pairs = instantiate(config["calibration"]).choose(instantiate(config["data"]))
    for name in ("person", "garment"):
        if all((picture := getattr(pair, name)).max() == picture.min() for pair in pairs):
            raise ValueError(
                f"every calibration {name} is of one colour: choose others (training_data, calibration.seed)"
            )
    inputs = [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in pairs]
    save_file({name: np.concatenate([tensors[name] for tensors in inputs]) for name in inputs[0]}, out / TENSORS)


def read(folder: Path) -> list[Tensors]:
    """The inputs that :func:`make` wrote, one pair at a time."""
    tensors = load_file(folder / TENSORS)
    count = len(next(iter(tensors.values())))
    return [{name: values[index : index + 1] for name, values in tensors.items()} for index in range(count)]
