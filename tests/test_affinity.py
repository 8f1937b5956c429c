"""A measurement keeps to as many cores as it has threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from vtoncompress.affinity import pinned, spread_out, usable_cores


def test_the_process_keeps_to_its_cores_and_gets_the_others_back() -> None:
    before = usable_cores()
    with pinned(1) as cores:
        assert cores == usable_cores() == before[:1]
    assert usable_cores() == before
    with pytest.raises(ValueError, match=f"threads=4096: this process may use {len(before)}"), pinned(4096):
        pass
    with pytest.raises(ValueError, match="threads=0: use 1 or more"), pinned(0):
        pass


def test_physical_cores_come_before_their_second_threads(tmp_path: Path) -> None:
    for core, siblings in enumerate(("0-1", "0-1", "2-3", "2-3", "4")):
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert spread_out([0, 1, 2, 3, 4], tmp_path) == [0, 2, 4, 1, 3]
    assert spread_out([1, 2, 3], tmp_path) == [1, 2, 3]
    assert spread_out([5, 6], tmp_path) == [5, 6]
