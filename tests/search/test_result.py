from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.search.conftest import FakeRun, MakeSettings
from vtoncompress.record import Record
from vtoncompress.search.found import Found
from vtoncompress.search.result import found_rows, pareto_set, write_result
from vtoncompress.search.study import Study
from vtoncompress.search.worker import work

pytestmark = pytest.mark.usefixtures("quick")
STARTS = [
    {"+pruning.ratios.warp": warp, "+pruning.ratios.generator": generator}
    for warp, generator in ((0.0, 0.5), (0.5, 0.0), (0.2, 0.5))
]


def test_the_result_is_the_feasible_rows_that_no_other_one_beats(settings: MakeSettings) -> None:
    """0.5 of the warp costs as much as 0.5 of the generator and is worse; 0.2 and 0.5 breaks the constraint."""
    mine = settings(trials=3, start=STARTS, constraints={"kid_shipped": {"at_most": 0.08, "relative_to": "dense"}})
    work(mine, FakeRun())
    best = write_result(mine, Study(mine))
    good = mine.space.name(STARTS[0])
    assert [found.record.variant for found in best] == ["dense", good]
    written = json.loads((mine.folder / "pareto.json").read_text())
    assert written["trials"] == {"measured": 3}
    assert written["pareto"][1] == {
        "variant": good,
        "parameters": STARTS[0],
        "given": True,
        "figures": {"ssim_garment": 0.75, "gmacs": 0.5625, "size_mib": 7.5, "kid_shipped": 0.07},
        "recipe": f"recipes/{good}.yaml",
    }
    assert f"| {good} | 0.75 | 0.5625 | 7.5 | 0.07 |" in (mine.folder / "pareto.md").read_text()
    without = settings(trials=3, start=STARTS)
    assert len(pareto_set(without, found_rows(mine, Study(mine)))) == 3


def test_recipes_name_their_choices_values_and_command_and_no_folder_of_this_machine(
    settings: MakeSettings, tmp_path: Path
) -> None:
    mine = settings(trials=1, start=STARTS)
    work(mine, FakeRun())
    write_result(mine, Study(mine))
    name = mine.space.name(STARTS[0])
    text = (mine.folder / "recipes" / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n# python experiments/run.py --config-dir ")
    assert f"+recipes={name}\n# Gave ssim_garment 0.75" in text
    assert str(tmp_path) not in text
    recipe = yaml.safe_load(text)
    assert {"override /pruning": "one_shot"} in recipe["defaults"]
    assert {"override /metric": ["cost", "size", "garment"]} in recipe["defaults"]
    assert recipe["pruning"]["ratios"] == {"warp": 0.0, "generator": 0.5}
    assert recipe["variant"] == name
    assert not {"name", "results", "store", "order", "choices"} & recipe.keys()


def test_recipes_that_a_longer_search_beats_are_removed(settings: MakeSettings) -> None:
    work(settings(trials=1, start=[STARTS[1], STARTS[0]]), FakeRun())
    mine = settings(trials=2, start=[STARTS[1], STARTS[0]])
    write_result(mine, Study(mine))
    assert (mine.folder / "recipes" / f"{mine.space.name(STARTS[1])}.yaml").exists()
    work(mine, FakeRun())
    write_result(mine, Study(mine))
    assert {path.stem for path in (mine.folder / "recipes").iterdir()} == {"dense", mine.space.name(STARTS[0])}


def test_what_the_search_found_beyond_its_starts_is_told(settings: MakeSettings) -> None:
    """With the third row alone to begin with, the two others are the search's own."""
    work(settings(trials=3, start=STARTS), FakeRun())
    mine = settings(trials=3, start=STARTS[2:])
    write_result(mine, Study(mine))
    written = json.loads((mine.folder / "pareto.json").read_text())
    assert [(row["trial"], row["given"]) for row in written["measured"]] == [(1, False), (2, False), (3, True)]
    assert written["measured"][0]["figures"]["ssim_garment"] == 0.75
    both = written["beyond_what_was_given"]
    assert (both["search"]["rows"], both["given"]["rows"]) == (4, 2)
    assert both["search"]["hypervolume"] > both["given"]["hypervolume"] > 0
    without = settings(trials=3)
    write_result(without, Study(without))
    assert json.loads((mine.folder / "pareto.json").read_text())["beyond_what_was_given"] is None


def test_times_of_a_slow_hour_beat_none_of_a_fast_one(settings: MakeSettings) -> None:
    """The second row is the better one, timed when the machine was half as fast."""
    mine = settings(objectives={"latency_ms_p50": "minimize", "ssim_garment": "maximize"})
    rows = []
    for name, latency, baseline, ssim in (
        ("dense", 10.0, 100.0, 0.8),
        ("first", 8.0, 100.0, 0.7),
        ("second", 14.0, 200.0, 0.7),
    ):
        values = {"latency_ms_p50": latency, "ssim_garment": ssim}
        details = {"speed": {"baseline_latency_ms_p50": baseline}}
        rows.append(Found(Record(name, values=values, details=details), None))
    assert [row.record.variant for row in pareto_set(mine, rows)] == ["second", "dense"]
