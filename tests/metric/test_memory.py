"""Peak memory of a deployed network: of a process that has opened it, and loads no more than it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vtoncompress.deployment import write_manifest
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.metric.base import Subject
from vtoncompress.metric.memory import Memory
from vtoncompress.model.pf_afn import PFAFN


def subject(model: PFAFN, folder: Path) -> Subject:
    return Subject(model, folder, None, None, [])  # type: ignore[arg-type]


def test_a_deployed_network(toy: PFAFN, tmp_path: Path) -> None:
    exporter = OpenVINOExporter()
    exporter.export(toy, tmp_path)
    write_manifest(tmp_path, exporter, model="toy", size=toy.size)
    found = Memory(1).measure(subject(toy, tmp_path))
    assert 40 < found.details["start_mib"] < found.details["opened_mib"] <= found.values["peak_rss_mib"] + 0.01
    assert found.values["peak_rss_mib"] < 1000
    code = "import sys, vtoncompress.metric.resident; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_what_can_t_be_opened_has_a_reason(toy: PFAFN, tmp_path: Path) -> None:
    found = Memory().measure(subject(toy, tmp_path))
    assert "is no deployed network" in found.missing["peak_rss_mib"]
