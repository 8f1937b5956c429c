"""The process whose memory is measured: ``python -m vtoncompress.metric.resident FOLDER CALLS`` prints JSON."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np
import psutil

from vtoncompress.deployment import open_deployment

MIB = 2**20


def main(folder: Path, calls: int) -> dict[str, float]:
    """Open, call, and tell the resident memory in MiB at each moment, and the most of all."""
    process = psutil.Process()
    start = process.memory_info().rss / MIB
    network = open_deployment(folder)
    height, width = network.size
    person, garment = (np.full((height, width, 3), level, np.uint8) for level in (90, 200))
    mask = np.full((height, width), 255, np.uint8)
    opened = process.memory_info().rss / MIB
    for _ in range(calls):
        network(person, garment, mask)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
    return {"start_mib": start, "opened_mib": opened, "peak_mib": peak}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
