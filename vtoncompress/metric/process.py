"""What a process needs that does nothing but run the deployed network: memory, and time to its first picture."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vtoncompress.data.base import Pair
from vtoncompress.deployment import keeps_compiled, read_manifest
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric


class Process(SubjectMetric):
    """``start_s``: from the start of a Python process to its first picture, median; ``peak_memory_mib``: the most that
    it had in memory, largest of all.

    The runtime's compiled network is kept between processes where it can be; the process that fills the cache is told
    of in the details and counts in neither column.

    Args:
        repetitions: processes that count, at least 1.
    """

    columns = ("start_s", "peak_memory_mib")

    def __init__(self, repetitions: int) -> None:
        if repetitions < 1:
            raise ValueError(f"repetitions={repetitions}: at least 1 is needed")
        self.repetitions = repetitions

    def measure(self, subject: Subject) -> Measurement:
        if not subject.pairs:
            return Measurement(missing=dict.fromkeys(self.columns, "no pairs to run"))
        cached = keeps_compiled(read_manifest(subject.folder).exporter)
        with TemporaryDirectory() as folder:
            first, *others = (
                _start(subject.folder, subject.pairs[0], Path(folder), cached) for _ in range(self.repetitions + 1)
            )
        values = {"start_s": statistics.median(one["start_s"] for one in others)}
        peaks = [one["peak_mib"] for one in others if one["peak_mib"] is not None]
        missing = {} if peaks else {"peak_memory_mib": "this system doesn't tell"}
        values |= {"peak_memory_mib": max(peaks)} if peaks else {}
        return Measurement(values, missing, details={"cached": cached, "first": first, "others": others})


def _start(deployed: Path, pair: Pair, work: Path, cached: bool) -> dict[str, Any]:
    """What the process told of itself, and the seconds until it did."""
    pictures = work / "pictures.npz"
    if not pictures.exists():
        arrays: dict[str, Any] = {"person": pair.person, "garment": pair.garment, "garment_mask": pair.garment_mask}
        arrays |= {} if pair.agnostic_mask is None else {"agnostic_mask": pair.agnostic_mask}
        np.savez(pictures, **arrays)
    command = [sys.executable, "-m", "vtoncompress.deployed_process", str(deployed), str(pictures)]
    command += [str(work / "cache")] if cached else []
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - begun
        _, errors = process.communicate()
    if process.returncode or not line:
        raise RuntimeError(f"the deployed network did not run in a process of its own: {errors.strip()}")
    return {"start_s": round(seconds, 3), **json.loads(line)}
