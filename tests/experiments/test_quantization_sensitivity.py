"""The command: what it prints, and one line for what can't work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.sensitivity.quantization.test_command import TOY


def test_the_command_ends_with_an_override(command: Command, tmp_path: Path) -> None:
    options = [*TOY, "scope.modules=[generator.model.model.0]", f"store={tmp_path / 'store'}"]
    done = command(
        "quantization_sensitivity", *options, f"results={tmp_path}", "name=mine", "budget={ssim_garment: 1, ssim: 1}"
    )
    assert (done.code, done.err) == (0, "")
    assert "1 points" in done.out
    assert "quantization.float_layers=[]" in done.out.splitlines()
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"points.csv", "table.md"}


@pytest.mark.parametrize(
    "option, told",
    [
        ("scope.modules=[decoder]", "the network has no decoder"),
        ("scope.modules=[warp.sample]", "no"),
        ("budget.ssim=-1", "budget.ssim=-1: give what the network may lose"),
        ("budget.ssim_garment=few", "budget.ssim_garment=few: give what the network may lose"),
        ("budget=0.005", "budget=0.005: give budget.ssim_garment and budget.ssim"),
        ("depth=0", "depth=0: give how many parts"),
        ("calibration.pairs=0", "calibration.pairs=0: use 1 or more"),
        ("name=../mine", "name=../mine can't name a folder"),
        ("seed=x", "seed=x: a whole number"),
    ],
)
def test_what_can_not_work_is_one_line(command: Command, tmp_path: Path, option: str, told: str) -> None:
    given = [one for one in TOY if one.partition("=")[0] != option.partition("=")[0]]
    places = (f"store={tmp_path / 'store'}", f"results={tmp_path / 'results'}")
    done = command("quantization_sensitivity", *given, option, *places)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert told in done.err
    assert not (tmp_path / "results").exists()
