"""A tracker hears every step's numbers once, resumed or not; none is needed, and a missing one is one line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import LoggerType
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning import tracking
from vtoncompress.finetuning.tracking import check_tracker, end_tracker, start_tracker
from vtoncompress.finetuning.training_state import TrainingState


class Writer:
    """TensorBoard's, as far as accelerate calls it."""

    made: ClassVar[list[Writer]] = []

    def __init__(self, folder: str, **_: Any) -> None:
        self.folder, self.scalars, self.settings, self.closed = folder, {}, {}, False
        Writer.made.append(self)

    def add_hparams(self, settings: dict[str, Any], metric_dict: dict[str, Any]) -> None:
        self.settings = settings

    def add_scalar(self, name: str, value: float, global_step: int) -> None:
        self.scalars[name, global_step] = value

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> type[Writer]:
    """A stand-in for the package, which is optional."""
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(torch.utils, "tensorboard", module, raising=False)
    monkeypatch.setattr("accelerate.tracking._available_trackers", [LoggerType.TENSORBOARD])
    monkeypatch.setattr(Writer, "made", [])
    return Writer


def test_a_tracker_is_told_settings_and_numbers(tensorboard: type[Writer], tmp_path: Path) -> None:
    check_tracker("tensorboard")
    accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=tmp_path)
    start_tracker(accelerator, Path("runs/parser_free.work"), {"samples": 4, "loss": {"result": 5.0}})
    accelerator.log({"loss_result": 0.5}, 3)
    end_tracker(accelerator)
    (writer,) = tensorboard.made
    assert writer.folder.endswith("parser_free")
    assert writer.settings == {"samples": 4, "loss": '{"result": 5.0}'}
    assert writer.scalars == {("loss_result", 3): 0.5}
    assert writer.closed


def test_none_is_needed(tmp_path: Path) -> None:
    check_tracker(None)
    accelerator = Accelerator(cpu=True, log_with=None, project_dir=tmp_path / "tracking")
    start_tracker(accelerator, tmp_path, {"samples": 4})
    accelerator.log({"loss": 1.0}, 0)
    end_tracker(accelerator)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("tracker", tracking.TRACKERS)
def test_one_that_is_not_installed_is_one_line(tracker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.tracking._available_trackers", [])
    with pytest.raises(ValueError, match=rf"tracker={tracker} needs the package {tracker}: install it, or set"):
        check_tracker(tracker)


def test_an_unknown_one_is_one_line() -> None:
    with pytest.raises(ValueError, match="tracker=diary: choose one of tensorboard, mlflow, wandb, or null"):
        check_tracker("diary")


def test_every_step_of_a_stage_is_told_once_also_when_it_was_killed(
    tensorboard: type[Writer], examples: VitonTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is the stage's, in a folder beside its checkpoint."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        options = ("out=somewhere", "tracker=tensorboard", "stages.parser_based_warp.samples=6", "batch_size=2")
        cfg = compose("train_stages", [*options, "workers=0", "checkpoint_every=2", "batch_norm_samples=0"])
    stage, work = instantiate(cfg.stages.parser_based_warp, _convert_="all"), tmp_path / "parser_based_warp.work"
    save = TrainingState.save

    def save_and_stop(state: TrainingState, step: int) -> None:
        save(state, step)
        raise KeyboardInterrupt

    network = {"width": 1 / 32, "size": (64, 64), "convention": "official"}
    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "save", save_and_stop)
        torch.manual_seed(0)
        with pytest.raises(KeyboardInterrupt):
            stage.train(stage.begin(**network), examples, work)
    torch.manual_seed(0)
    summary = stage.train(stage.begin(**network), examples, work)
    steps = [sorted({step for _, step in writer.scalars}) for writer in tensorboard.made]
    assert steps == [[0, 1], [2]]
    assert {Path(writer.folder) for writer in tensorboard.made} == {tmp_path / "tracking" / "parser_based_warp"}
    last = tensorboard.made[1].scalars["multi_level_mask", 2]
    assert last == pytest.approx(summary["loss_multi_level_mask"])


@pytest.mark.parametrize("mode", ["supervised", "distillation", "guidance", "consistency"])
def test_every_mode_that_trains_tells_the_tracker_it_is_given(
    mode: str, tensorboard: type[Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [f"finetuning={mode}", "finetuning.tracker=tensorboard"])
    assert instantiate(cfg.finetuning).loop.tracker == "tensorboard"
