"""A deployed network in a process of its own: opens it, paints one picture, tells how much memory that took.

``python -m vtoncompress.deployed_process FOLDER PICTURES [CACHE]``, with a file of the arrays ``person``, ``garment``,
``garment_mask`` and, for networks that need it, ``agnostic_mask``. Prints one line of JSON once the picture is there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from vtoncompress.deployment import open_deployment

STATUS = Path("/proc/self/status")


def main(folder: str, pictures: str, cache: str | None = None) -> None:
    """Print ``peak_mib`` (null where the system doesn't tell) and whether ``torch`` was imported."""
    with np.load(pictures) as arrays:
        shown = {name: arrays[name] for name in arrays.files}
    open_deployment(folder, cache=None if cache is None else Path(cache))(**shown)
    print(json.dumps({"peak_mib": _peak_mib(), "torch": "torch" in sys.modules}), flush=True)


def _peak_mib() -> float | None:
    """Of this program alone: getrusage's peak has that of the process that started it in it."""
    if not STATUS.is_file():
        return None
    lines = (line.split() for line in STATUS.read_text().splitlines())
    return next((int(fields[1]) / 1024 for fields in lines if fields[:1] == ["VmHWM:"]), None)


if __name__ == "__main__":
    main(*sys.argv[1:])
