"""Features of reference pictures, computed once for all that is compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from vtoncompress.evaluation.pictures import read_chunks
from vtoncompress.finetuning.progress import Progress
from vtoncompress.metric.distribution import choose_extractor
from vtoncompress.metric.extractor import Features

FILE = "features.safetensors"


def make(config: Mapping[str, Any], out: Path) -> None:
    """Write the features, one row a picture.

    Args:
        config: ``pictures``: ``size``, ``resizing`` and ``files``, in order; ``extractor``: what
            :func:`vtoncompress.metric.distribution.choose_extractor` takes.
        out: the artifact's folder.
    """
    told = config["pictures"]
    extract = choose_extractor(**config["extractor"])
    size = told["size"] and (told["size"][0], told["size"][1])
    rows = []
    with Progress("reference pictures", len(told["files"])) as progress:
        for pictures in read_chunks([Path(file) for file in told["files"]], size, told["resizing"]):
            rows.append(extract(pictures).astype(np.float32))
            for _ in pictures:
                progress.step()
    save_file({"features": np.concatenate(rows)}, out / FILE)


def read(folder: Path) -> Features:
    """(N, D) of an artifact."""
    features: Features = load_file(folder / FILE)["features"]
    return features
