"""The comparison with other tools: their commands find the weights, and what is reported is what was run."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from vtoncompress.data.base import Pair
from vtoncompress.evaluation import benchmark
from vtoncompress.evaluation.benchmark import Run, compare, protocol, report
from vtoncompress.image import write_image

CONFIG = {"tool": "pytorch_fid", "dimension": 64, "inception_weights": None, "clean_fid_weights": None}


def test_a_command_is_timed_and_its_number_read() -> None:
    run = benchmark._run("theirs", ["-c", "print('FID:  2.5')"])
    assert (run.name, run.fid) == ("theirs", 2.5)
    assert run.seconds > 0
    # A child begins with what its parent has: the kernel counts that too.
    assert 1 < run.peak_mib < max(1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + 1)
    with pytest.raises(ValueError, match="theirs failed: no weights"):
        benchmark._run("theirs", ["-c", "raise SystemExit('no weights')"])


def test_ours_is_read_from_the_record_and_not_from_what_is_printed(tmp_path: Path) -> None:
    records = tmp_path / "evaluate" / "records"
    records.mkdir(parents=True)
    (records / "ours.json").write_text('{"values": {"images": 8, "fid_stand_in": 1.2345678}}')
    run = benchmark._run("ours", ["-c", "print('FID: features are stand-ins')", f"results='{tmp_path}'"])
    assert run.fid == 1.2345678


def test_the_commands_are_run_on_the_same_folders_and_weights(pairs: list[Pair], tmp_path: Path) -> None:
    for option in ("prediction", "reference"):
        (tmp_path / option).mkdir()
        write_image(tmp_path / option / "0.png", pairs[0].person)
    (tmp_path / "weights.pth").write_bytes(b"stand-in")
    config = CONFIG | {option: str(tmp_path / option) for option in ("prediction", "reference")}
    seen: list[list[str]] = []

    def run(name: str, command: list[str], environment: dict[str, str] | None = None) -> Run:
        if environment is not None:
            (weights,) = Path(environment["TORCH_HOME"]).glob("hub/checkpoints/pt_inception-*.pth")
            assert weights.read_bytes() == b"stand-in"
        seen.append(command)
        return Run(name, 2.0, 10.0, 100.0)

    with mock.patch.object(benchmark, "_run", run):
        runs = compare(config | {"inception_weights": str(tmp_path / "weights.pth")})
    assert seen[0][-3:] == ["cpu", "--dims", "64"]
    assert seen[1] == seen[2]
    assert {"features=stand_in", "protocol.metric.fid.inception_dimension=64"} <= {*seen[1]}
    assert Path(sys.executable).exists()
    told = protocol(config)
    assert told["pictures"] == 2
    assert told["inception_weights"] == "seeded stand-in"
    lines = report([runs[0], Run("ours", 2.0002, 4.0, 50.0)], {**told, "pictures": 8}).splitlines()
    assert lines[3] == "| ours | 2.000200 | 1.0e-04 | 4.0 | 2.50 | 2.0 | 50 |"
    assert "pytorch-fid 0" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("tool, dimension, count", [("pytorch_fid", 64, 72)])
def test_the_commands_themselves_give_one_number(tool: str, dimension: int, count: int, tmp_path: Path) -> None:
    """Seeded stand-in weights, each tool's own code, in processes of their own."""
    random = np.random.default_rng(0)
    for option, contrast in (("prediction", 60), ("reference", 90)):
        (tmp_path / option).mkdir()
        for number in range(count):
            coarse = random.normal(120 + number, contrast, (4, 3, 3)).clip(0, 255).astype(np.uint8)
            write_image(tmp_path / option / f"{number}.png", coarse.repeat(6, 0).repeat(6, 1))
    folders = {option: str(tmp_path / option) for option in ("prediction", "reference")}
    theirs, ours, cached = compare(CONFIG | folders | {"tool": tool, "dimension": dimension})
    assert ours.fid == pytest.approx(theirs.fid, rel=1e-4)
    assert cached.fid == ours.fid > 0


@pytest.mark.parametrize(
    "wrong", [{"tool": "fid"}, {"dimension": 63}, {"tool": "clean_fid"}, {"prediction": "nowhere"}]
)
def test_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="choose one of|2048 features only|prediction=nowhere is no folder"):
        compare(CONFIG | {"prediction": ".", "reference": "."} | wrong)
