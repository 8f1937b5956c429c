"""Differences against known numbers; two protocols, networks or kinds of figure are never differenced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.published.conftest import MakeRecord
from vtoncompress.metric.base import Subject
from vtoncompress.metric.cost import Cost
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.published.comparison import Cell, compare
from vtoncompress.published.mapping import read_comparisons
from vtoncompress.record import Record


def cells(published: Path, records: list[Record]) -> dict[tuple[str, str], Cell]:
    (comparison,) = read_comparisons("mine", published)
    return {(cell.row, cell.column): cell for cell in compare(comparison, records)}


def test_every_published_figure_has_a_cell(published: Path, records: list[Record]) -> None:
    found = cells(published, records)
    assert len(found) == 2 * 6
    assert [cell.published for cell in found.values()][:6] == [8.0, 100, 100, 10.0, 0.0, 5]


def test_differences_by_hand(published: Path, records: list[Record]) -> None:
    found = cells(published, records)
    assert found["half", "gflops"] == Cell(
        "half", "gflops", 4.0, "tuned", 3.0, -25.0, "", errata=("GFLOPs are GMACs.",), why="", comparable=True
    )
    size = found["half", "size_mb"]
    assert (size.ours, size.difference_pct) == (90.0, 50.0)
    assert (size.errata, size.why) == (("60 leaves out a part.",), "they forgot a part")
    share = found["half", "ratio_pct"]
    assert (share.ours, share.difference_pct) == (45.0, -25.0)  # 90 of 200, beside 60
    loss = found["half", "fid_loss_pct"]
    assert (loss.ours, loss.difference_pct) == pytest.approx((50.0, 150.0))  # 15 against 10, beside 20
    assert found["original", "gflops"].difference_pct == 0.0
    assert found["original", "size_mb"].why == ""  # nothing was compressed


def test_a_cell_without_a_counterpart_says_why(published: Path, records: list[Record], make: MakeRecord) -> None:
    found = cells(published, records)
    assert (found["half", "users"].ours, found["half", "users"].reason) == (None, "nobody was asked")
    assert (found["original", "fid_loss_pct"].ours, found["original", "fid_loss_pct"].reason) == (0.0, "per cent of 0")
    unmeasured = make("tuned", size_mib=90.0)
    unmeasured.missing["fid"] = "bring VITON: run this"
    found = cells(published, [records[0], unmeasured])
    assert (found["half", "fid"].ours, found["half", "fid"].reason) == (None, "bring VITON: run this")
    assert found["half", "gflops"].reason == "no gmacs was measured"
    failed = replace(records[3], status="failed", reason="no memory")
    assert cells(published, [records[0], failed])["half", "fid"].reason == "tuned failed: no memory"
    absent = cells(published, records[:3])["half", "fid"]
    assert absent.reason == "tuned was not measured: python experiments/run.py experiment=mine"


def test_a_network_that_was_only_pruned_is_not_held_against_one_that_was_trained_afterwards(
    published: Path, records: list[Record]
) -> None:
    records[3] = replace(records[3], pruning="iterative")
    cell = cells(published, records)["half", "fid"]
    assert (cell.ours, cell.difference_pct) == (15.0, None)
    assert cell.reason.startswith("not comparable: tuned was not trained after its pruning here")
    for trained in ({"finetuning": "supervised"}, {"pruning": "none"}):  # the other was opened as it was trained
        records[3] = replace(records[3], **trained)
        assert cells(published, records)["half", "fid"].difference_pct == pytest.approx(25.0)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"protocol": "generated"}, "protocol is generated here and viton there"),
        ({"pairs": 4}, "pairs is 4 here and 8 there"),
    ],
)
def test_figures_of_two_protocols_have_no_difference(
    published: Path, records: list[Record], change: dict[str, object], told: str
) -> None:
    found = cells(published, [replace(record, **change) for record in records])  # type: ignore[arg-type]
    for column, ours in (("fid", 15.0), ("fid_loss_pct", 50.0)):
        cell = found["half", column]
        assert cell.ours == pytest.approx(ours)
        assert (cell.difference_pct, cell.reason) == (None, f"not comparable: {told}")
    assert found["half", "gflops"].difference_pct == -25.0  # a cost has no protocol


def test_rows_of_parts_are_read_from_their_part(make: MakeRecord) -> None:
    """Of the best pruning: what the encoders and the generator lost, and the original's size from the dense row."""
    parts = {"warp": {"float32_mib": 60.0}, "generator": {"float32_mib": 80.0}}
    best, dense = make("best"), make("dense")
    removed = {"warp": 0.23, "warp.image_features": 0.41, "warp.cond_features": 0.41, "generator": 0.2425}
    reached = {name: {"channels": {"before": 400, "removed": share}} for name, share in removed.items()}
    best.details = {"cost": {"parts": parts}, "pruning": reached}
    dense.details = {"cost": {"parts": {"warp": {"float32_mib": 112.0}, "generator": {"float32_mib": 168.0}}}}
    for one in (best, dense):
        one.trust = {"config": {"model": {"name": "pf_afn"}}, "picture_size": [256, 192]}
    comparison = next(one for one in read_comparisons("full_size_pruning") if "best" in one.figures.name)
    found = {(cell.row, cell.column): cell for cell in compare(comparison, [dense, best])}
    warp, generator = "cloth_warp_module", "image_generation_module"
    ratios = [found[row, "sparsity_pct"] for row in (warp, generator)]
    assert [(cell.published, cell.ours) for cell in ratios] == [(40, pytest.approx(41)), (25, pytest.approx(24.25))]
    assert [cell.difference_pct for cell in ratios] == [None, None]
    assert all("asked for" in cell.reason for cell in ratios)
    original = found[generator, "original_mb"]
    assert (original.variant, original.ours) == ("dense", 168.0)
    assert original.difference_pct == pytest.approx(100 * (168 / 167 - 1))
    assert found[warp, "pruned_mb"].difference_pct == pytest.approx(100 * (60 / 40.97 - 1))
    assert "both feature pyramids" in found[warp, "pruned_mb"].errata[0]
    assert found[warp, "fps"].difference_pct is None


def test_another_network_s_cost_has_no_difference(published: Path, records: list[Record]) -> None:
    found = cells(published, [replace(record, model="small") for record in records])
    assert found["half", "gflops"].ours == 3.0
    assert found["half", "gflops"].difference_pct is None
    assert found["half", "gflops"].reason == "not comparable: model is small here and big there"


def test_a_loss_is_never_taken_between_two_protocols(published: Path, records: list[Record]) -> None:
    other = replace(records[3], protocol="generated")
    cell = cells(published, [*records[:3], other])["half", "fid_loss_pct"]
    assert (cell.ours, cell.difference_pct) == (None, None)
    assert "protocol is generated for the one and viton for the other" in cell.reason


def test_a_loss_needs_the_same_features_in_both_rows(published: Path, records: list[Record]) -> None:
    del records[3].values["fid"]
    records[3].values["fid_shipped"] = 3.0
    records[0].values["fid_shipped"] = 2.0
    assert cells(published, records)["half", "fid_loss_pct"].ours == pytest.approx(50.0)  # not 3 against 10


@pytest.fixture(scope="module")
def full_size() -> Record:
    """The dense full-size network's costs, as the experiment records them; shapes only, no weights."""
    with torch.device("meta"):
        model = PFAFN(1.0, (256, 192))
    found = Cost().measure(Subject(model, Path(), None, None, []))  # type: ignore[arg-type]
    trust = {"config": {"model": {"name": "pf_afn"}}, "picture_size": [256, 192]}
    return Record("dense", model="pf_afn (random weights)", protocol="generated", pairs=256, values=found.values,
                  details={"cost": found.details}, trust=trust)  # fmt: skip


@pytest.mark.parametrize(
    "table, row, expected",
    [
        ("cloth_warp_module_pruning", "original", {"gflops": 6.63, "params_m": 9.37, "size_mb": 35.8,
                                                   "total_size_mb": 112.0, "compression_ratio_pct": 100}),
        ("image_generation_module_pruning", "original", {"gflops": 21.93, "params_m": 43.90, "size_mb": 167,
                                                         "total_size_mb": 167, "compression_ratio_pct": 100}),
    ],
)  # fmt: skip
def test_the_originals_cost_what_was_printed_within_one_per_cent(
    full_size: Record, table: str, row: str, expected: dict[str, float]
) -> None:
    comparison = next(one for one in read_comparisons("full_size_pruning") if one.figures.name.endswith(table))
    found = {cell.column: cell for cell in compare(comparison, [full_size]) if cell.row == row}
    for column, printed in expected.items():
        assert found[column].published == printed
        difference = found[column].difference_pct
        assert difference is not None, found[column].reason
        assert abs(difference) < 1, column


def test_the_small_network_s_figures_are_not_held_against_the_full_size_ones(full_size: Record) -> None:
    small = replace(full_size, trust={"config": {"model": {"name": "pf_afn_small"}}, "picture_size": [128, 96]})
    small.values["fid_shipped"] = 2.25
    (comparison,) = read_comparisons("cloth_warp_module_pruning")
    found = [cell for cell in compare(comparison, [small]) if cell.row == "original"]
    assert all(cell.ours is not None for cell in found)
    assert all(cell.difference_pct is None for cell in found)
    reasons = {cell.column: cell.reason for cell in found}
    assert "model.name is pf_afn_small here and pf_afn there; picture_size is 128x96 here" in reasons["gflops"]
    assert "protocol is generated here and pf_afn_viton there" in reasons["fid"]
