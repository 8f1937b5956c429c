"""The command: what it prints, and one line for what can't work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.sensitivity.conftest import SECOND, TOY


def test_the_command_says_where_its_files_are(command: Command, tmp_path: Path) -> None:
    options = [*TOY, "ratios=[0.5]", f"scope.modules=[{SECOND[0]}]", f"store={tmp_path / 'store'}"]
    done = command("sensitivity", *options, f"results={tmp_path}", "name=mine", "search_groups=0", "budget=1")
    assert (done.code, done.err) == (0, "")
    assert "1 points of 1 groups" in done.out
    assert "1 groups may be pruned within 1" in done.out
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        "sensitivity.csv", "sensitivity.md", "sensitivity.svg", "ratios.yaml",
    }  # fmt: skip


@pytest.mark.parametrize(
    "option, told",
    [
        ("ratios=[0]", "ratios=0: give shares of channels to remove, each more than 0 and less than 1"),
        ("ratios=[0.5,1]", "ratios=1: give shares"),
        ("ratios=-0.1", "ratios=-0.1: give shares"),
        ("ratios=[abc]", "ratios=abc: give shares"),
        ("ratios=abc", "ratios=abc: give shares"),
        ("ratios=[]", "ratios=None: give shares"),
        ("ratios=[true]", "ratios=True: give shares"),
        ("ratios=[nan]", "ratios=nan: give shares"),
        ("scope.modules=[decoder]", "scope names 'decoder', which PFAFN lacks: it has warp, generator"),
        ("scope.modules=[]", "scope.modules is empty: name parts of the network (warp, generator)"),
        ("scope.modules=[warp.sample]", "scope warp.sample holds nothing to prune"),
        ("scope=decoder", "unknown scope=decoder"),
        ("pruning=none", "choose pruning=one_shot"),
        ("+pruning.ratios.warp=0.1", "pruning.ratios says nothing here"),
        ("budget=-1", "budget=-1: give the garment SSIM"),
        ("budget=few", "budget=few: give the garment SSIM"),
        ("batch_norm_pairs=-1", "batch_norm_pairs=-1: use 0 or more"),
        ("search_groups=1.5", "search_groups=1.5: use 0 or more"),
        ("latency=1", "latency=1: true or false"),
        ("timing.turn=x", "timing.turn=x: a whole number"),
        ("name=../mine", "name=../mine can't name a folder"),
        ("seed=x", "seed=x: a whole number"),
    ],
)
def test_what_can_not_work_is_one_line(command: Command, tmp_path: Path, option: str, told: str) -> None:
    given = [one for one in TOY if one.partition("=")[0] != option.partition("=")[0]]
    done = command("sensitivity", *given, option, f"store={tmp_path / 'store'}", f"results={tmp_path / 'results'}")
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert told in done.err
    assert not (tmp_path / "results").exists()
