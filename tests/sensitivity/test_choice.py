"""Proposed ratios keep the budget, and are a config that a run and a search take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from tests.sensitivity.conftest import FIRST, SECOND, Done, run
from vtoncompress import checkpoint
from vtoncompress.pruning.groups import Group
from vtoncompress.pruning.ratio import flatten
from vtoncompress.search.row import row_config
from vtoncompress.search.settings import Settings
from vtoncompress.sensitivity.choice import choose, mean_ratio
from vtoncompress.sensitivity.point import SSIM, Network, Point

GROUPS = (Group(("a", "b"), 10), Group(("c",), 20))


def point(group: Group, ratio: float, loss: float) -> Point:
    dense, left = (Network({SSIM: value}, 0, 0, {}) for value in (0.75, 0.75 - loss))
    return Point(group, ratio, left, dense)


@pytest.mark.parametrize(
    "budget, chosen",
    [(0.001, (0.0, 0.0)), (0.02, (0.25, 0.0)), (0.0625, (0.25, 0.0)), (0.125, (0.25, 0.5)), (1, (0.5, 0.5))],
)
def test_the_largest_ratio_before_the_first_above_the_budget(budget: float, chosen: tuple[float, float]) -> None:
    """Of the second group 0.5 costs less than 0.1, which is no reason to take it where 0.1 is too much."""
    losses = {(0, 0.5): 0.25, (0, 0.1): 0.0078125, (0, 0.25): 0.015625, (1, 0.1): 0.125, (1, 0.5): 0.0625}
    points = [point(GROUPS[index], ratio, loss) for (index, ratio), loss in losses.items()]
    assert choose(points, budget) == dict(zip("ac", chosen, strict=True))


def test_the_mean_counts_channels() -> None:
    assert mean_ratio(GROUPS, {"a": 0.5, "c": 0.25}, [0.25, 0.5]) == 0.375
    assert mean_ratio(GROUPS, {"a": 0.5, "c": 0.0}, [0.25, 0.5]) == 0.25
    assert mean_ratio(GROUPS, {"a": 0.0, "c": 0.0}, [0.25, 0.5]) == 0.25  # 0 is no ratio


def test_chosen_ratios_keep_the_budget(done: Done) -> None:
    losses = {(p.group.name, p.ratio): p.loss for p in done.analysis.points}
    for budget in (0, 1e-4, 1e-3, 1e-2, 1):
        for name, ratio in choose(done.analysis.points, budget).items():
            mine = {other: loss for (group, other), loss in losses.items() if group == name}
            assert all(loss <= budget for other, loss in mine.items() if other <= ratio)
            larger = [other for other in mine if other > ratio]
            assert not larger or mine[min(larger)] > budget


def test_the_config_prunes_what_was_measured_together(done: Done) -> None:
    """Every layer of a group is listed, so that none of its members holds the others back."""
    wide = run(done.folder, "budget=1", "name=wide")
    analysis = wide()
    told = yaml.safe_load((wide.folder / "ratios.yaml").read_text())
    assert told["pruning"]["ratios"] == dict.fromkeys((*FIRST, *SECOND), 0.5)
    assert told["pruning"]["ratio"] == 0.5
    cfg = composed(wide.folder, "+wide=ratios")
    assert flatten(cfg.pruning.ratios) == told["pruning"]["ratios"]
    assert [*cfg.scope.modules] == [*FIRST, *SECOND]
    [dense] = (done.folder / "store" / "model").glob("[!.]*")
    model = checkpoint.load(dense)
    instantiate(cfg.pruning).prune(model, cfg.scope.modules, instantiate(cfg.criterion))
    left = {name: model.get_submodule(name).out_channels for name in analysis.dense.channels}
    assert left == analysis.together.channels
    assert analysis.together.macs == analysis.dense.macs - sum(p.macs_saved for p in analysis.points if p.ratio == 0.5)


def test_the_command_line_has_the_last_word(done: Done) -> None:
    cfg = composed(done.run.folder, "+sensitivity=ratios", "pruning=iterative", f"+pruning.ratios.{SECOND[0]}=0.75")
    assert cfg.pruning._target_.endswith("Iterative")
    assert flatten(cfg.pruning.ratios)[SECOND[0]] == 0.75


def test_a_search_starts_from_them(done: Done) -> None:
    """Over the group that costs most; its first layer stands for all four."""
    wide = run(done.folder, "budget=1", "name=wide")
    wide()
    search: dict[str, Any] = yaml.safe_load((wide.folder / "search" / "wide.yaml").read_text())
    searched = FIRST[0] if done.analysis.points[1].macs_saved > done.analysis.points[3].macs_saved else SECOND[0]
    fixed = ({FIRST[0], SECOND[0]} - {searched}).pop()
    assert search["start"] == [{f"+pruning.ratios.{searched}": 0.5}]
    assert search["space"] == {f"+pruning.ratios.{searched}": {"choices": [0.0, 0.25, 0.5]}}
    assert f"+pruning.ratios.{fixed}=0.5" in search["overrides"]
    source = {
        "search": search, "conf": str(ROOT / "conf"), "results": str(done.folder / "results"), "name": "found",
        "store": str(done.folder / "store"), "arguments": [],
    }  # fmt: skip
    settings = Settings.parse(source)
    config = row_config(settings, "row", 0, settings.space.overrides(settings.start[0]))
    assert config["pruning"]["ratio"] == 0.5
    assert config["scope"]["modules"] == [*FIRST, *SECOND]
    assert flatten(config["pruning"]["ratios"]) == {FIRST[0]: 0.5, SECOND[0]: 0.5}


def composed(folder: Path, *overrides: str) -> Any:
    search_path = f"hydra.searchpath=[file://{folder.parent}]"
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", [search_path, *overrides])
