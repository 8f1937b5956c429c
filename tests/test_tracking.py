"""Two runs of a sweep, read back through the trackers' own clients."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.conftest import figures, row
from vtoncompress import tracking
from vtoncompress.picture_grid import grid_path, write_grid
from vtoncompress.record import Record, write
from vtoncompress.tracking import choose_tracker, track


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, list[Record]]:
    """A results folder with two variants and their pictures."""
    folder = tmp_path / "results" / "mine"
    config = {"pruning": {"ratio": 0.2, "modules": ["a", "b"]}, "seed": 3}
    records = [row(name, figures(quality, 8, 6, 1.2), config=config) for name, quality in (("one", 0.8), ("two", 0.7))]
    for one in records:
        write(one, folder)
        write_grid(grid_path(folder, one.variant), [[np.full((32, 24, 3), 9, np.uint8)] * 2], ["a", "b"])
    return folder, records


def test_tensorboard(runs: tuple[Path, list[Record]]) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, records = runs
    for one in records:
        track(one, folder, "tensorboard")
    for one in records:
        [events] = (folder / "tracking" / one.variant).glob("events*")
        told = accumulator.EventAccumulator(str(events))
        told.Reload()
        [scalar] = told.Scalars("ssim_garment")
        assert scalar.value == pytest.approx(one.values["ssim_garment"])
        assert told.Tags()["images"] == ["pictures"]
        [text] = told.Tensors("files/text_summary")
        assert f"records/{one.variant}.json" in str(text.tensor_proto.string_val)


def test_a_tracker_that_breaks_is_told_the_end_and_costs_a_line(
    runs: tuple[Path, list[Record]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from accelerate import tracking as of_accelerate

    ends = []

    class Breaking:
        def __init__(self, **_: Any) -> None: ...
        def start(self) -> None: ...
        def store_init_configuration(self, settings: dict[str, Any]) -> None:
            assert (settings["status"], settings["reason"]) == ("failed", "out of memory")
            raise OSError("gone")

        def finish(self) -> None:
            ends.append("ended")

    monkeypatch.setitem(of_accelerate.LOGGER_TYPE_TO_CLASS, "mlflow", Breaking)
    folder, records = runs
    track(replace(records[0], status="failed", reason="out of memory"), folder, "mlflow")
    assert ends == ["ended"]
    assert "one: mlflow was not told (OSError: gone)" in capsys.readouterr().err


@pytest.mark.slow  # MLflow makes its database first
def test_mlflow(runs: tuple[Path, list[Record]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    folder, records = runs
    for one in records:
        track(one, folder, "mlflow")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("mine")
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {*found} == {"one", "two"}
    for one in records:
        run = found[one.variant]
        assert run.data.metrics == pytest.approx(one.values)
        assert run.data.params["pruning.ratio"] == "0.2"
        assert run.data.params["pruning.modules"] == '["a", "b"]'
        assert run.data.params["experiment"] == "mine"
        assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
            f"{one.variant}.json", f"{one.variant}.png"
        }  # fmt: skip


def wandb_records(log: Path) -> Iterator[Any]:
    """What a run's log holds, in wandb's own messages; framed as LevelDB's logs are, after 7 bytes of its own."""
    from wandb.proto.wandb_internal_pb2 import Record as Message

    content, place, whole = log.read_bytes(), 7, b""
    while place + 7 <= len(content):
        _, length, kind = struct.unpack_from("<IHB", content, place)
        if kind == 0:  # no room for another header in this block of 32 KiB
            place += -place % 2**15
            continue
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if -place % 2**15 < 7:
            place += -place % 2**15
        if kind in (1, 4):  # complete, or its last part
            yield Message.FromString(whole)
            whole = b""


@pytest.mark.slow  # it starts a server for each run
def test_wandb_without_a_network(
    runs: tuple[Path, list[Record]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    for name, value in {
        "MODE": "offline",
        "DIR": str(tmp_path),
        "SILENT": "true",
        "CONSOLE": "off",
        "CACHE_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    folder, records = runs
    for one in records:
        track(one, folder, "wandb")
    wandb.teardown()  # as the end of the process does: until then the log is not whole
    logs = [*tmp_path.glob("wandb/offline-run-*/run-*.wandb")]
    assert len(logs) == 2
    found = {}
    for log in logs:
        told = [*wandb_records(log)]
        [run] = [message.run for message in told if message.HasField("run")]
        assert run.run_group == "mine"
        history = [item for message in told for item in message.history.item]
        found[run.display_name] = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in history}
        settings = {item.key or ".".join(item.nested_key) for message in told for item in message.config.update}
        assert {"experiment", "status", "pruning.ratio"} <= settings
        kept = {path.relative_to(log.parent / "files").as_posix() for path in log.parent.rglob("files/*/*")}
        assert {f"records/{run.display_name}.json", f"pictures/{run.display_name}.png"} <= kept
    assert {*found} == {"one", "two"}
    for one in records:
        assert {name: found[one.variant][name] for name in one.values} == pytest.approx(one.values)


def test_one_that_fails_costs_a_line(
    runs: tuple[Path, list[Record]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracking, "_link", lambda *_: 1 / 0)
    monkeypatch.setattr("accelerate.tracking.LOGGER_TYPE_TO_CLASS", {})
    track(runs[1][0], runs[0], "mlflow")
    assert capsys.readouterr().err == "one: mlflow was not told (KeyError: 'mlflow')\n"


def test_which_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"tensorboard", "mlflow"}
    monkeypatch.setattr(tracking, "_installed", installed.__contains__)
    assert [choose_tracker(choice) for choice in ("auto", None, "mlflow")] == ["tensorboard", None, "mlflow"]
    with pytest.raises(ValueError, match="tracker=wandb needs the package wandb: install it, or set tracker=null"):
        choose_tracker("wandb")
    with pytest.raises(ValueError, match="tracker=diary: choose auto, null, tensorboard, mlflow, wandb"):
        choose_tracker("diary")
    installed.clear()
    assert choose_tracker("auto") is None
