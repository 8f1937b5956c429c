"""The command itself, in a process of its own: one variant to one table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT, TOY

RUN = str(ROOT / "experiments" / "run.py")


def test_one_variant_gets_a_table_in_a_folder_named_after_the_command(tmp_path: Path) -> None:
    command = [sys.executable, RUN, *TOY, "export=torch", "metric=[cost,size]", "pruning=one_shot", "scope=generator"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"results", ".store"}
    [folder] = (tmp_path / "results" / "adhoc").iterdir()
    assert folder.name.startswith("calibration.pairs_4_data.pairs_4")
    assert {path.name for path in folder.iterdir()} - {"tracking"} == {
        "records", "logs", "table.csv", "table.md", "table.tex", "report.html", "figures", "command.txt", "runs.txt",
    }  # fmt: skip
    [row] = pd.read_csv(folder / "table.csv").to_dict("records")
    assert (row["status"], row["role"], row["scope"], row["pruning_ratio"]) == ("done", "variant", "generator", 0.2)
    assert row["params_m"] < 0.3
    assert row["gflops"] == 2 * row["gmacs"]
    [record] = (folder / "records").iterdir()
    assert json.loads(record.read_text())["variant"] == row["variant"]
    assert f"{folder.relative_to(tmp_path)}/table.md" in done.stdout
    assert done.stderr == f"{row['variant']}: running\n"


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, RUN, "pruning=one_shot", "pruning.ratio=1.5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: pruning.ratio=1.5")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
