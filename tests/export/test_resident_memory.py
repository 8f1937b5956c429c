"""What a process need not hold goes back to the system, and nothing is lost by it."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from vtoncompress.export.resident_memory import release

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what is in memory")
SIZE = 2**20


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[Path, mmap.mmap]:
    """A file that is mapped for reading, all of it read once."""
    path = tmp_path / "network.blob"
    path.write_bytes(np.random.default_rng(0).bytes(SIZE))
    with path.open("rb") as file:
        return path, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def resident_kib(path: Path) -> int:
    """Of a mapped file."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    assert any(line.endswith(str(path)) for line in lines), "it is not mapped"
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def test_pages_of_a_mapped_file_go_and_come_again_when_they_are_read(mapped: tuple[Path, mmap.mmap]) -> None:
    path, memory = mapped
    assert memory[:] == path.read_bytes()
    assert resident_kib(path) == SIZE // 1024
    release(path.parent)
    assert resident_kib(path) == 0
    assert memory[:] == path.read_bytes()
    assert resident_kib(path) == SIZE // 1024


def test_files_of_other_folders_stay(mapped: tuple[Path, mmap.mmap], tmp_path: Path) -> None:
    path, memory = mapped
    assert memory[:] == path.read_bytes()
    for folder in (None, tmp_path / "other", tmp_path.parent):
        release(folder)
    assert resident_kib(path) == SIZE // 1024
