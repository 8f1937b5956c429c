"""Memory that a deployed network needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from vtoncompress.metric.base import Measurement, Subject, SubjectMetric

ROOT = Path(__file__).resolve().parents[2]


class Memory(SubjectMetric):
    """``peak_rss_mib``: the most resident memory, in MiB (2^20), of a process that opens the network and calls it.

    A process of its own, with what a user's has: Python, the runtime, the network, pictures of its size; no torch
    unless the runtime is torch. The details tell it before the network was opened (``start_mib``) and after
    (``opened_mib``). Parameters and bytes on disk are other columns: no two of the three follow from one another.

    Args:
        calls: of the network, at least 1.
    """

    columns = ("peak_rss_mib",)

    def __init__(self, calls: int = 3) -> None:
        if calls < 1:
            raise ValueError(f"metric.memory.calls={calls}: use 1 or more")
        self.calls = calls

    def measure(self, subject: Subject) -> Measurement:
        command = [sys.executable, "-m", "vtoncompress.metric.resident", str(subject.folder), str(self.calls)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            return Measurement(missing={"peak_rss_mib": f"the process that was to be measured failed: {last}"})
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return Measurement({"peak_rss_mib": told.pop("peak_mib")}, details=told)
