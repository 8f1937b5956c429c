"""Features of reference pictures on disk, with what they were made by: computed once for all that is compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from vtoncompress.data.base import Image
from vtoncompress.metric.extractor import Extractor

FEATURES, EXTRACTOR = "features.npy", "extractor.json"


def write(chunks: Iterable[Sequence[Image]], count: int, extractor: Extractor, folder: Path) -> None:
    """Write the features of ``count`` pictures, float32, a row each; they go to disk chunk by chunk.

    Args:
        chunks: the pictures in order, (H, W, 3) uint8 each.
        count: of all of them, 1 or more.
        extractor: what gives the features.
        folder: for the two files.
    """
    rows: np.memmap[Any, np.dtype[np.float32]] | None = None
    done = 0
    for pictures in chunks:
        found = extractor(pictures)
        if rows is None:
            rows = open_memmap(folder / FEATURES, "w+", np.float32, (count, found.shape[1]))
        rows[done : done + len(found)] = found
        done += len(found)
    assert rows is not None, "there are no pictures"
    assert done == count, f"{done} pictures, not {count}"
    rows.flush()
    (folder / EXTRACTOR).write_text(json.dumps(_identity(extractor)))


def read(folder: Path, extractor: Extractor) -> NDArray[np.float32] | None:
    """(N, D), mapped from the file: only what is looked at is in memory. None where another extractor made them."""
    if json.loads((folder / EXTRACTOR).read_text()) != _identity(extractor):
        return None
    features: NDArray[np.float32] = np.load(folder / FEATURES, mmap_mode="r", allow_pickle=False)
    return features


def _identity(extractor: Extractor) -> dict[str, Any]:
    return {"name": extractor.name, "weights": extractor.weights_hash, "resizing": extractor.resizing}
