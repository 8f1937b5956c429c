"""Every published cell is accounted for, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.published.conftest import MakeRecord
from vtoncompress.published.account import INCONSISTENT, MEASURED, OPEN, RECOMPUTED, WAITING, account, write_account
from vtoncompress.record import ROOT, Record, read_all


def states(published: Path, records: list[Record]) -> dict[tuple[str, str], str]:
    found = account("paper", lambda name: records if name == "mine" else [], published)
    return {(one.row, one.column): one.state for one in found if one.table == "pruning"}


def wait_for_weights(published: Path) -> None:
    path = published / "comparisons" / "pruning.yaml"
    told = yaml.safe_load(path.read_text())
    for column in ("fid", "fid_loss_pct"):
        told["columns"][column]["waits"] = "bring weights"
    path.write_text(yaml.safe_dump(told, sort_keys=False))


def test_a_table_without_an_experiment_is_open(published: Path) -> None:
    found = account("paper", lambda _: [], published)
    assert len(found) == 2 * 6 + 1
    assert [one.state for one in found if one.table == "speed"] == [OPEN]


def test_nothing_measured_leaves_everything_open_but_what_waits(published: Path) -> None:
    wait_for_weights(published)
    assert Counter(states(published, []).values()) == {OPEN: 8, WAITING: 4}


def test_states_follow_from_what_was_measured(published: Path, make: MakeRecord) -> None:
    wait_for_weights(published)
    dense, tuned = make("dense", 8.02, size_mib=100.0), make("tuned", 3.0, size_mib=70.0)
    found = states(published, [dense, make("pruned", 3.0, size_mib=70.0), tuned])
    assert found["original", "gflops"] == RECOMPUTED  # 0.25 % off
    assert found["half", "gflops"] == MEASURED  # 25 % off, and an erratum explains what is printed
    assert found["half", "ratio_pct"] == MEASURED  # 70 beside 60, no erratum
    assert found["half", "fid"] == WAITING
    assert found["half", "users"] == OPEN  # nobody was asked


def test_only_an_erratum_that_contradicts_a_figure_makes_it_inconsistent(published: Path, make: MakeRecord) -> None:
    path = published / "comparisons" / "pruning.yaml"
    told = yaml.safe_load(path.read_text())
    told["columns"]["gflops"]["contradicts"] = True
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    found = states(published, [make("dense", 8.02), make("pruned", 3.0), make("tuned", 3.0)])
    assert (found["original", "gflops"], found["half", "gflops"]) == (RECOMPUTED, INCONSISTENT)


def test_the_account_is_written_with_a_line_a_cell(published: Path, tmp_path: Path) -> None:
    found = account("paper", lambda _: [], published)
    counts = write_account(found, tmp_path / "out")
    assert counts.rows[-1][:2] == ["all", str(len(found))]
    assert len((tmp_path / "out" / "account.csv").read_text().splitlines()) == 1 + len(found)
    assert all(one.column in (tmp_path / "out" / "account.md").read_text() for one in found)


def test_the_papers_115_cells_are_all_there() -> None:
    found = account("lzhms_virtual_tryon", lambda _: [])
    assert Counter(one.table for one in found) == {
        "cloth_warp_module_pruning": 35, "image_generation_module_pruning": 42, "best_pruning": 10, "quantization": 16,
        "img2col": 12,
    }  # fmt: skip
    assert len({(one.table, one.row, one.column) for one in found}) == 115


def test_numbers_of_another_kind_give_way() -> None:
    """The small network's FPS to the full-size one's, and FID on generated pictures to none."""
    found = account("lzhms_virtual_tryon", lambda name: read_all(ROOT / "results" / name))
    fps = [one for one in found if (one.table, one.column) == ("best_pruning", "fps")]
    assert all(one.note.startswith("results/full_size_pruning") for one in fps)
    assert len(fps) == 2
    assert {one.ours for one in found if one.state == WAITING} == {None}


@pytest.mark.parametrize("table", ["pruning", "everything"])
def test_only_the_published_tables_are_a_choice(table: str) -> None:
    import subprocess
    import sys

    command = [sys.executable, "experiments/tabulate.py", f"table={table}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: table={table}: the only choice is published; for others say experiment=NAME\n"
