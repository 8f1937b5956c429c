"""The file in which a stage leaves what its metrics found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from vtoncompress.metric.base import Measurement

MEASUREMENTS = "measurements.json"


def write_measurements(measurements: Mapping[str, Measurement], out: Path) -> None:
    """``measurements.json``: metric name -> fields of its :class:`Measurement`."""
    found = {name: asdict(measurement) for name, measurement in measurements.items()}
    (out / MEASUREMENTS).write_text(json.dumps(found))
