"""What a reader gets: every cell with its erratum and reason, and our rows beside."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console

from vtoncompress.published.view import write_comparisons
from vtoncompress.record import Record
from vtoncompress.terminal import print_tables


def test_the_files(published: Path, records: list[Record], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    theirs, ours = write_comparisons(records, folder, published)
    assert {path.name for path in folder.iterdir()} == {"published.md", "published.tex", "published.csv"}
    frame = pd.read_csv(folder / "published.csv").set_index(["row", "column"])
    assert len(frame) == 12
    assert frame.loc[("half", "fid_loss_pct"), "difference_pct"] == pytest.approx(150)
    assert frame.loc[("half", "size_mb"), "errata"] == "60 leaves out a part."
    assert frame.loc[("half", "users"), "reason"] == "nobody was asked"
    markdown = (folder / "published.md").read_text()
    assert theirs.title in markdown
    assert ours.title in markdown
    assert (folder / "published.tex").read_text().count(r"\begin{table}") == 2


def test_a_line_a_published_cell(published: Path, records: list[Record], tmp_path: Path) -> None:
    theirs, _ = write_comparisons(records, tmp_path / "mine", published)
    assert theirs.headers == ["published cell", "published", "our row", "ours", "difference (%)", "notes"]
    assert ["half: gflops", "4", "tuned", "3", "-25.0", "1"] in theirs.rows
    assert ["half: size_mb", "60", "tuned", "90", "+50.0", "2, 5"] in theirs.rows
    assert ["half: users", "4", "tuned", "–", "–", "4"] in theirs.rows
    assert theirs.notes == [
        "(1) Erratum: GFLOPs are GMACs.",
        "(2) Erratum: 60 leaves out a part.",
        "(3) No difference: per cent of 0.",
        "(4) No number of ours: nobody was asked.",
        "(5) Why: they forgot a part.",
    ]
    assert theirs.captions == ["Source: A paper.", "Read on.", "1 MAC = 2 FLOPs."]


def test_fid_stands_beside_the_garment(published: Path, records: list[Record], tmp_path: Path) -> None:
    _, ours = write_comparisons(records, tmp_path / "mine", published)
    assert ours.headers == [
        "variant", "warp GMACs", "deployed MiB", "FID", "garment SSIM", "garment L1", "FID loss (%)",
        "garment SSIM recovered (%)", "recovered of control (%)",
    ]  # fmt: skip
    assert ours.rows[0] == ["dense", "8", "200", "10", "0.8", "0.04", "0", "–", "–"]
    assert ours.rows[3] == ["tuned", "3", "90", "15", "0.7", "0.06", "50", "80", "76.92"]
    assert any("FID never stands alone" in line for line in ours.captions)
    assert any("the same further work (control)" in line for line in ours.captions)


def test_an_experiment_without_published_tables_gets_no_file(
    published: Path, records: list[Record], tmp_path: Path
) -> None:
    assert write_comparisons(records, tmp_path / "another", published) == []
    assert not (tmp_path / "another").exists()


def test_nothing_measured_yet_is_said(published: Path, tmp_path: Path) -> None:
    (theirs,) = write_comparisons([], tmp_path / "mine", published)
    assert {row[3] for row in theirs.rows} == {"–"}
    assert any("dense was not measured" in note for note in theirs.notes)


def test_a_terminal_shows_every_cell_whole(published: Path, records: list[Record], tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None, highlight=False)
    print_tables(write_comparisons(records, tmp_path / "mine", published), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert ["half:", "gflops", "4", "tuned", "3", "-25.0", "1"] in [line.split() for line in text.splitlines()]


def test_a_terminal_too_narrow_for_all_columns_leaves_some_out_and_crops_none(
    published: Path, records: list[Record], tmp_path: Path
) -> None:
    path = published / "comparisons" / "pruning.yaml"
    content = yaml.safe_load(path.read_text())
    shown = ("channels_removed", "params_removed", "macs_removed", "gmacs", "params_m", "fps", "speedup", "kid", "psnr")
    content["shown"] |= {f"whole network's {name}": f"values.{name}" for name in shown}
    path.write_text(yaml.safe_dump(content))
    for record in records:
        record.values |= dict.fromkeys(shown, 0.1234)
    _, ours = write_comparisons(records, tmp_path / "mine", published)
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None, highlight=False)
    print_tables([ours], console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert "params_removed" not in text
    assert "speedup" in text
    assert "More columns in a wider terminal" in text
    assert "params_removed" in (tmp_path / "mine" / "published.md").read_text().replace("\\", "")


def test_rows_that_were_disturbed_are_named(published: Path, records: list[Record], tmp_path: Path) -> None:
    """A speedup of theirs stands beside others."""
    records[0].details["speed"] = {"baseline_latency_ms": [10.0] * 8, "latency_ms": [1.0] * 4 + [9.0] * 4}
    *_, ours = write_comparisons(records, tmp_path / "mine", published)
    assert ours.notes[-1].endswith("to be timed again: dense (own quartiles 1.0 and 9.0 ms).")
