"""Bytes of a deployed folder."""

from __future__ import annotations

from pathlib import Path

from vtoncompress.metric.base import Subject
from vtoncompress.metric.size import Size


def measure(folder: Path):
    return Size().measure(Subject(None, folder, None, None, []))  # type: ignore[arg-type]


def test_every_file_counts(tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_bytes(b"x" * 2**19)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "model.bin").write_bytes(b"x" * 2**20)
    found = measure(tmp_path)
    assert found.values == {"size_mib": 1.5}
    assert found.details == {"bytes": {"deeper/model.bin": 2**20, "model.xml": 2**19}}


def test_an_empty_folder_has_no_size(tmp_path: Path) -> None:
    assert "size_mib" in measure(tmp_path).missing
