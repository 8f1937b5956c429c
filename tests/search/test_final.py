"""What is chosen on some pairs is judged by others."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.search.conftest import FakeRun, MakeSettings
from vtoncompress.record import Record
from vtoncompress.search.final import final_rows, lost_rows
from vtoncompress.search.result import write_result
from vtoncompress.search.study import Study
from vtoncompress.search.worker import work

pytestmark = pytest.mark.usefixtures("quick")
STARTS = [
    {"+pruning.ratios.warp": warp, "+pruning.ratios.generator": generator}
    for warp, generator in ((0.0, 0.5), (0.5, 0.0), (0.2, 0.5))
]
FINAL: dict[str, Any] = {"trials": 3, "start": STARTS, "final": ["data.pairs=3"]}


class OtherPairs(FakeRun):
    """On the final pairs everything is 0.1 worse; the row of ``fails`` fails there."""

    def __init__(self, fails: str = "") -> None:
        super().__init__()
        self.fails = fails

    def values(self, config: dict[str, Any]) -> dict[str, float]:
        values = super().values(config)
        return {**values, "ssim_garment": values["ssim_garment"] - 0.1 * (config["pair_count"] == 3)}

    def __call__(self, config: dict[str, Any]) -> Record:
        if config["pair_count"] == 3 and config["variant"] == self.fails:
            return self.failed(config)
        return super().__call__(config)

    def failed(self, config: dict[str, Any]) -> Record:
        from vtoncompress.outcome import failed

        return failed(config, "4 levels, 3 are allowed")


def test_the_rows_that_no_other_one_beats_are_measured_again(settings: MakeSettings) -> None:
    mine, run = settings(**FINAL), OtherPairs()
    work(mine, run)
    good, worse, best = map(mine.space.name, STARTS)
    measured = [(config["name"], config["pair_count"], config["variant"]) for config in run.configs]
    assert measured[:4] == [("found/trials", 4, name) for name in ("dense", good, worse, best)]
    assert measured[4:] == [("found", 3, name) for name in ("dense", good, best)]
    assert [row.record.values["ssim_garment"] for row in final_rows(mine, Study(mine))] == pytest.approx(
        [0.7, 0.65, 0.63]
    )
    write_result(mine, Study(mine))
    written = json.loads((mine.folder / "pareto.json").read_text())
    assert written["final"] == {"overrides": ["data.pairs=3"], "lost": {}}
    entry = written["pareto"][1]
    assert (entry["figures"]["ssim_garment"], entry["chosen_by"]["ssim_garment"]) == pytest.approx((0.65, 0.75))
    recipe = (mine.folder / "recipes" / f"{good}.yaml").read_text()
    assert "# Gave ssim_garment 0.65" in recipe
    assert yaml.safe_load(recipe)["variant"] == good


def test_a_chosen_row_that_fails_there_is_left_out_with_its_reason(settings: MakeSettings) -> None:
    mine = settings(**FINAL)
    good = mine.space.name(STARTS[0])
    work(mine, OtherPairs(fails=good))
    assert lost_rows(mine, Study(mine)) == {good: "4 levels, 3 are allowed"}
    assert [row.record.variant for row in final_rows(mine, Study(mine))] == ["dense", mine.space.name(STARTS[2])]


def test_without_the_dense_row_there_is_nothing_to_hold_them_against(settings: MakeSettings) -> None:
    mine = settings(**FINAL)
    work(mine, OtherPairs(fails="dense"))
    with pytest.raises(ValueError, match=r"the dense row of search\.final has no result"):
        final_rows(mine, Study(mine))
