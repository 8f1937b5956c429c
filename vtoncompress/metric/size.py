"""Bytes to deploy."""

from __future__ import annotations

from vtoncompress.metric.base import Measurement, Subject, SubjectMetric

MIB = 2**20


class Size(SubjectMetric):
    """``size_mib``: all files of the deployed folder, graph, weights and whatever lies beside, in MiB (2^20)."""

    columns = ("size_mib",)

    def measure(self, subject: Subject) -> Measurement:
        files = sorted(path for path in subject.folder.rglob("*") if path.is_file())
        if not files:
            return Measurement(missing={"size_mib": f"no deployed file in {subject.folder}"})
        size = {path.relative_to(subject.folder).as_posix(): path.stat().st_size for path in files}
        return Measurement({"size_mib": sum(size.values()) / MIB}, details={"bytes": size})
