"""Training from scratch ends in a checkpoint that opens and says how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Command
from vtoncompress import checkpoint, training
from vtoncompress.finetuning.training_state import TrainingState
from vtoncompress.model.pf_afn import PFAFN

TWO_STEPS = (
    "model.network.width=0.0625", "finetuning.samples=4", "finetuning.batch_size=2", "finetuning.workers=0",
    "finetuning.mixed_precision=no", "finetuning.batch_norm_pairs=2", "finetuning.checkpoint_every=1",
)  # fmt: skip


def test_two_steps_make_a_checkpoint(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "network"
    done = command("train", *TWO_STEPS, f"out={out}", "seed=3")
    assert (done.code, done.out) == (0, f"checkpoint: {out}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["network"]
    model = checkpoint.load(out)
    assert model.arguments() == {"width": 0.0625, "size": [128, 96], "convention": "official"}
    torch.manual_seed(3)
    untrained = type(model)(**model.arguments()).state_dict()
    assert any(not torch.equal(value, untrained[key].half().float()) for key, value in model.named_parameters())
    assert {tensor.dtype for tensor in load_file(out / checkpoint.WEIGHTS).values()} == {torch.float16, torch.int64}
    told = json.loads((out / "training.json").read_text())
    assert told["config"]["finetuning"]["samples"] == 4
    assert told["config"]["seed"] == 3
    assert told["steps"] == 2
    assert told["seconds"] >= 0
    assert {"loss_flow", "cpu", "versions", "threads"} <= set(told)

    again = command("train", *TWO_STEPS, f"out={out}")
    assert again.code == 2
    assert again.err.count("\n") == 1
    assert "holds a checkpoint already" in again.err


def test_an_interrupted_run_goes_on(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    load = TrainingState.load

    def load_and_tell(state: TrainingState) -> int:
        started.append(load(state))
        return started[-1]

    monkeypatch.setattr(TrainingState, "load", load_and_tell)
    assert _interrupted(command, monkeypatch, *TWO_STEPS, f"out={tmp_path / 'network'}") == 130
    assert {path.name for path in tmp_path.iterdir()} == {"network.work"}
    assert {path.name for path in (tmp_path / "network.work").iterdir()} == {"training.pt", "seconds"}
    before = float((tmp_path / "network.work" / "seconds").read_text())
    assert command("train", *TWO_STEPS, f"out={tmp_path / 'network'}").code == 0
    assert started == [0, 1]
    assert {path.name for path in tmp_path.iterdir()} == {"network"}
    told = json.loads((tmp_path / "network" / "training.json").read_text())
    assert told["steps"] == 2
    assert told["seconds"] >= int(before)


def test_a_checkpoint_is_trained_further(
    command: Command, toy: PFAFN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run that began with it goes on with no other."""
    first, out = tmp_path / "first", tmp_path / "second"
    checkpoint.save(toy, first)
    (first / "training.json").write_text(json.dumps({"steps": 7}))
    options = [*TWO_STEPS, f"out={out}", "weights_dtype=float32", "finetuning.learning_rate=1e-9"]
    assert _interrupted(command, monkeypatch, *options, f"start={first}") == 130
    other = command("train", *options)
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert "is of a run with other settings (initial_weights=" in other.err

    assert command("train", *options, f"start={first}").code == 0
    told = json.loads((out / "training.json").read_text())
    assert told["start"] == {"steps": 7}
    assert told["config"]["start"] == str(first)
    for name, value in checkpoint.load(out).named_parameters():  # at that rate it has hardly moved
        torch.testing.assert_close(value, toy.get_parameter(name), rtol=0, atol=1e-6)


def test_a_checkpoint_of_another_network_is_no_start(command: Command, toy: PFAFN, tmp_path: Path) -> None:
    checkpoint.save(toy, tmp_path / "first")
    arguments = ("model.network.width=0.125", f"start={tmp_path / 'first'}", f"out={tmp_path / 'second'}")
    done = command("train", *TWO_STEPS, *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "is a network with {'width': 0.0625" in done.err
    assert "the config asks for {'width': 0.125" in done.err


def test_a_teacher_must_be_named_where_nothing_is_pruned(command: Command, toy: PFAFN, tmp_path: Path) -> None:
    out = tmp_path / "network"
    done = command("train", *TWO_STEPS, "finetuning=distillation", f"out={out}")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "finetuning.teacher=dense, but without pruning there is no other network" in done.err
    assert not [*tmp_path.iterdir()]

    checkpoint.save(toy, tmp_path / "teacher")
    distil = ("finetuning=distillation", f"finetuning.teacher={tmp_path / 'teacher'}", "finetuning.loss.flow=0")
    assert command("train", *TWO_STEPS, *distil, f"out={out}").code == 0
    told = json.loads((out / "training.json").read_text())
    assert told["teacher"]["network"] == "teacher"
    assert {"loss_teacher_features", "loss_teacher_image", "teacher_better"} <= set(told)


def test_of_several_processes_the_main_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the others see it, which a launcher started with the same command."""
    group = SimpleNamespace(is_main_process=False, destroy_process_group=lambda: None)
    monkeypatch.setattr(training, "join_group", lambda: group)
    network = {"_target_": "vtoncompress.model.pf_afn.PFAFN", "width": 1 / 32, "size": [64, 64]}
    nothing = {"_target_": "vtoncompress.finetuning.none.NoFinetuning"}
    data = {
        "_target_": "vtoncompress.data.synthetic.Synthetic",
        "split": "train",
        "pairs": 1,
        "height": 128,
        "width": 96,
    }
    out = tmp_path / "network"
    cfg = {
        "model": {"network": network}, "start": None, "finetuning": nothing, "training_data": data, "seed": 0,
        "weights_dtype": "float16", "out": str(out),
    }  # fmt: skip
    assert training.train(cfg) == out
    assert [path.name for path in tmp_path.iterdir()] == ["network.work"]
    assert not [*(tmp_path / "network.work").iterdir()]


def _interrupted(command: Command, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a training that Ctrl-C ended after its first checkpoint."""
    save = TrainingState.save

    def save_and_stop(state: TrainingState, step: int) -> None:
        save(state, step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "save", save_and_stop)
        return command("train", *arguments).code
