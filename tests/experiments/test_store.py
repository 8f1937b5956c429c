"""The store of a real sweep: listed, explained, verified and collected from the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.conftest import Command, Sweep
from vtoncompress.record import read_all

STAGES = ("model", "pruning", "finetuning", "deployment", "quality", "subject")


@pytest.fixture
def places(sweep: Sweep, tmp_path: Path) -> list[str]:
    """A copy of the sweep's store that a test may damage, and the sweep's results."""
    shutil.copytree(sweep.store, tmp_path / "store", ignore=shutil.ignore_patterns("locks"))
    return [f"store={tmp_path / 'store'}", f"results={sweep.results}"]


def artifacts(tmp_path: Path) -> list[Path]:
    return sorted(path.parent for path in (tmp_path / "store").glob("*/*/manifest.json"))


def test_list(sweep: Sweep, places: list[str], command: Command, tmp_path: Path) -> None:
    leftover = tmp_path / "store" / "pruning" / f".{'0' * 20}.building"
    leftover.mkdir()
    (leftover / "file").write_bytes(bytes(1000))
    done = command("store", *places)
    assert (done.code, done.err) == (0, "")
    rows = {tuple(line.split()[:2]): line.split() for line in done.out.splitlines() if line}
    for path in artifacts(tmp_path):
        row = rows[path.parent.name, path.name]
        using = sum(f"{path.parent.name}/{path.name}" in record.stages for record in read_all(sweep.folder))
        assert row[-1] == str(using)
        assert using > 0
    totals = {line.split()[0]: line.split() for line in done.out.partition("\ntotal ")[2].splitlines() if line}
    assert set(STAGES) <= totals.keys()
    assert totals["model"][1] == "1"
    assert totals["pruning"][1] == "2"
    assert totals["all"][1] == str(len(artifacts(tmp_path)))
    assert re.search(rf"pruning/{'0' * 20} +1.0 kB .* was killed", done.out)
    assert "\x1b" not in done.out


def test_explain(sweep: Sweep, places: list[str], command: Command, tmp_path: Path) -> None:
    """A record says enough to plan its stages again: all of them are in the store, those of reference rows too."""
    done = command("store", "action=explain", f"name={sweep.name}", *places)
    assert (done.code, done.err) == (0, "")
    records = read_all(sweep.folder)
    assert {record.role for record in records} == {"variant", "reference", "oracle"}
    assert done.out.count(": all stages are in the store") == len(records)
    assert "built again" not in done.out

    deployments = {stage for record in records for stage in record.stages if stage.startswith("deployment/")}
    lost, record = next(
        (stage, record) for stage in sorted(deployments) for record in records if stage in record.stages
    )
    shutil.rmtree(tmp_path / "store" / lost)
    arguments = ("action=explain", f"name={sweep.name}", f"variant={record.variant}")
    lines = command("store", *arguments, *places).out.splitlines()
    assert lines[0] == f"{record.variant}: 1 of {len(record.stages)} stages would be built again"
    place = lines.index(f"  deployment, {lost.partition('/')[2]}: built again")
    assert lines[place + 1] == "    nothing changed, but this store does not have it"

    # Recorded with other options than those of today.
    results = tmp_path / "results" / sweep.name / "records"
    results.mkdir(parents=True)
    text = json.loads((sweep.folder / "records" / f"{record.variant}.json").read_text())
    text["trust"]["config"]["finetuning"]["learning_rate"] = 0.5
    (results / f"{record.variant}.json").write_text(json.dumps(text))
    out = command("store", *arguments, places[0], f"results={tmp_path / 'results'}").out
    assert re.search(r"\n  finetuning, \w+: built again\n    config: finetuning.learning_rate \S+ -> 0.5\n", out)
    assert re.search(r"\n  pruning, \w+: cached\n", out)
    assert re.search(r"\n    input: finetuning is another", out)


def test_explain_compares_with_the_experiment_of_today(
    sweep: Sweep, places: list[str], command: Command, tmp_path: Path
) -> None:
    record = next(record for record in read_all(sweep.folder) if record.quantization == "none")
    text = json.loads((sweep.folder / "records" / f"{record.variant}.json").read_text())
    text["variant"] = "dense_openvino"
    records = tmp_path / "results" / "quickstart" / "records"
    records.mkdir(parents=True)
    (records / "dense_openvino.json").write_text(json.dumps(text))
    arguments = ("action=explain", "name=quickstart", places[0], f"results={tmp_path / 'results'}")
    out = command("store", *arguments).out
    assert "config: network.width 0.0625 -> 0.25" in out
    assert "as conf/experiment/quickstart.yaml composes now" in out
    out = command("store", *arguments, "recorded=true").out
    assert out.startswith("dense_openvino: all stages are in the store")


def test_verify(places: list[str], command: Command, tmp_path: Path) -> None:
    count = len(artifacts(tmp_path))
    done = command("store", "action=verify", *places)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{count} artifacts are as they were built; removed 0\n"

    damaged = next(path for path in artifacts(tmp_path) if path.parent.name == "pruning")
    weights = next(path for path in damaged.rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    done = command("store", "action=verify", *places)
    assert done.code == 2
    assert done.out == f"pruning/{damaged.name}: {weights.relative_to(damaged)} has other content\n"
    assert done.err.startswith(f"error: 1 of {count} artifacts are damaged: repair=true removes them")
    assert done.err.count("\n") == 1

    done = command("store", "action=verify", "repair=true", *places)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"{count - 1} artifacts are as they were built; removed 1\n")
    assert not damaged.exists()
    assert command("store", "action=verify", *places).code == 0


def test_collect(sweep: Sweep, places: list[str], command: Command, tmp_path: Path) -> None:
    before = artifacts(tmp_path)
    options = ("action=collect", "max_size=1KB", "min_age=0")
    done = command("store", *options, *places)
    assert (done.code, done.err) == (0, "")
    number = len(read_all(sweep.folder))
    assert f"that the {number} records refer to" in done.out
    assert "can't be reached" in done.out
    assert artifacts(tmp_path) == before

    # With all records but those of one ratio, what only they need may go. The store has just been copied.
    results = tmp_path / "results" / "half" / "records"
    results.mkdir(parents=True)
    kept = [record for record in read_all(sweep.folder) if record.pruning_ratio != 0.5]
    for record in kept:
        shutil.copy(sweep.folder / "records" / f"{record.variant}.json", results)
    half = [places[0], f"results={tmp_path / 'results'}"]
    assert "used lately" in command("store", "action=collect", "max_size=1KB", *half).out
    assert artifacts(tmp_path) == before
    needed = {stage for record in kept for stage in record.stages}
    for path in before:
        age_of(path, 3 * 86400)
    said = command("store", *options, "dry_run=true", *half).out
    assert artifacts(tmp_path) == before
    done = command("store", *options, *half)
    assert {f"{path.parent.name}/{path.name}" for path in artifacts(tmp_path)} == needed
    assert len(needed) < len(before)
    assert said.count("would remove ") == done.out.count("\nremoved ") + 1 == len(before) - len(needed)


def age_of(artifact: Path, seconds: float) -> None:
    os.utime(artifact / "manifest.json", (time.time() - seconds,) * 2)


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["action=clean"], "unknown action=clean: choose one of list, explain, verify, collect"),
        (["store=nowhere"], "there is no store in .*nowhere: run an experiment first, or give its store=FOLDER"),
        (["results=nowhere"], "results=nowhere is no folder: .* results=FOLDER"),
        (["action=collect"], "say how large the store may be, such as max_size=2GB"),
        (["action=collect", "max_size=2"], "max_size=2: write a size with its unit, such as max_size=2GB or 500MiB"),
        (["action=collect", "max_size=2GB", "min_age=1"], "min_age=1: write a time with its unit"),
        (["action=collect", "max_size=0", "results=empty"], "nothing was removed: no record in empty"),
        (["action=explain"], "say which experiment to explain with name=NAME"),
        (["action=explain", "name=other"], "there are no records in .*other: run its experiment first"),
        (["action=explain", "name=a", "results=[results,empty]"], "give one folder with results=FOLDER"),
        (["nothing=1"], "unknown option nothing"),
    ],
)
def test_mistakes(
    arguments: list[str], line: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("store", "results", "empty"):
        (tmp_path / folder).mkdir()
    done = command("store", "store=store", *arguments)
    assert done.code == 2
    assert re.fullmatch(f"error: .*{line}.*\n", done.err)
    assert {path.name for path in tmp_path.iterdir()} == {"store", "results", "empty"}
