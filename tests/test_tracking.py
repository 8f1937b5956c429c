"""Two runs of a sweep, read back through the trackers' own clients."""

from __future__ import annotations

from pathlib import Path

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
