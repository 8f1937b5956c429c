"""Published tables are read as they were printed, and one that contradicts its own columns is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vtoncompress.published.figures import read_figures
from vtoncompress.published.mapping import FOLDER


def test_a_table_of_several(published: Path) -> None:
    figures = read_figures(published, "paper.pruning")
    assert figures.source == "A paper"
    assert figures.columns == ("gflops", "size_mb", "ratio_pct", "fid", "fid_loss_pct", "users")
    assert figures.rows["half"]["fid_loss_pct"] == 20.0
    assert figures.errata == {"1": "GFLOPs are GMACs.", "2": "60 leaves out a part.", "speed.1": "Another machine."}


def test_a_file_that_is_one_table() -> None:
    figures = read_figures(FOLDER, "dm_vton")
    assert figures.rows["PF-AFN"] == {"fid": 27.3, "runtime_ms": 35.8, "memory_mb": 293.3}


@pytest.mark.parametrize(
    "name, message",
    [
        ("paper.pruned", "paper.yaml has no table pruned with columns and rows: it has pruning, speed"),
        ("paper", "paper.yaml has no table at its top"),
        ("nobody.pruning", "there is no file .*nobody.yaml"),
    ],
)
def test_a_table_that_is_not_there(published: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_figures(published, name)


@pytest.mark.parametrize(
    "text, message",
    [
        ("columns: [a, b]\nrows: [[x, 1, 2]]", r"x needs 1 numbers \(b\), it has \[1, 2\]"),
        ("columns: [a, b]\nrows: [[x, many]]", r"x needs 1 numbers \(b\), it has \['many'\]"),
        ("- a list", "holds no mapping"),
        ("{", "is no YAML"),
    ],
)
def test_a_damaged_table(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "paper.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_figures(tmp_path, "paper")
