"""What fine-tuning won back, against numbers by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from vtoncompress.published.mapping import read_comparisons
from vtoncompress.published.recovery import Recovery, recoveries
from vtoncompress.record import Record


def found(published: Path, records: list[Record]) -> dict[str, Recovery]:
    (comparison,) = read_comparisons("mine", published)
    return {one.record.variant: one for one in recoveries(comparison, records)}


def test_losses_and_recovery_by_hand(published: Path, records: list[Record]) -> None:
    rows = found(published, records)
    assert [*rows] == ["dense", "control", "pruned", "tuned", "extra"]
    losses = {name: one.fid_loss_pct for name, one in rows.items()}
    assert losses == pytest.approx({"dense": 0, "control": -10, "pruned": 200, "tuned": 50, "extra": 100})
    recovered = {name: (one.recovered_pct, one.recovered_of_control_pct) for name, one in rows.items()}
    # Of the 0.5 from 0.3 to 0.8, 0.4; of the 0.52 to the control's 0.82, the same 0.4.
    assert recovered.pop("tuned") == pytest.approx((80, 100 * 0.4 / 0.52))
    assert set(recovered.values()) == {(None, None)}


def test_each_step_has_its_control(published: Path, records: list[Record]) -> None:
    """The dense network after the same step, not after another one."""
    path = published / "comparisons" / "pruning.yaml"
    content = yaml.safe_load(path.read_text())
    mine = content["experiments"]["mine"]
    mine["control"], mine["rows"]["half"] = ["dense_again", "control"], ["pruned", "again", "tuned"]
    path.write_text(yaml.safe_dump(content))
    again, control = replace(records[2], variant="again"), replace(records[1], variant="dense_again")
    again.values, control.values = {"ssim_garment": 0.5}, {"ssim_garment": 0.7}
    rows = found(published, [*records, again, control])
    assert [*rows] == ["dense", "dense_again", "control", "pruned", "again", "tuned", "extra"]
    assert rows["again"].recovered_pct == pytest.approx(40)  # 0.2 of 0.5
    assert rows["again"].recovered_of_control_pct == pytest.approx(50)  # 0.2 of 0.4
    assert rows["tuned"].recovered_of_control_pct == pytest.approx(100 * 0.4 / 0.52)


def test_without_a_control_that_was_measured_nothing_is_held_against_it(published: Path, records: list[Record]) -> None:
    rows = found(published, [records[0], *records[2:]])
    assert rows["tuned"].recovered_pct == pytest.approx(80)
    assert rows["tuned"].recovered_of_control_pct is None


def test_nothing_is_won_back_where_nothing_was_lost(published: Path, records: list[Record]) -> None:
    records[2].values["ssim_garment"] = 0.8
    assert found(published, records)["tuned"].recovered_pct is None


def test_better_than_dense_is_more_than_all(published: Path, records: list[Record]) -> None:
    records[3].values["ssim_garment"] = 0.9
    assert found(published, records)["tuned"].recovered_pct == pytest.approx(120)


def test_rows_of_two_protocols_are_not_compared(published: Path, records: list[Record]) -> None:
    rows = found(published, [*records[:3], replace(records[3], pairs=4)])
    assert (rows["tuned"].fid_loss_pct, rows["tuned"].recovered_pct) == (None, None)
    assert "pairs is 8 for the one and 4 for the other" in rows["tuned"].reason
    assert rows["pruned"].fid_loss_pct == pytest.approx(200)


def test_rows_that_failed_or_are_missing_are_left_out(published: Path, records: list[Record]) -> None:
    rows = found(published, [replace(records[0], status="failed"), *records[2:4]])
    assert [*rows] == ["pruned", "tuned"]
    assert rows["tuned"].reason == "the dense row was not measured"
