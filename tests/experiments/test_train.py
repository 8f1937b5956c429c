"""Training from scratch ends in a checkpoint that opens and says how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Command
from vtoncompress import checkpoint
from vtoncompress.finetuning.supervised import Supervised

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
    save, resume = Supervised._save, Supervised._resume

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    def resume_and_tell(*arguments: object) -> int:
        started.append(resume(*arguments))
        return started[-1]

    monkeypatch.setattr(Supervised, "_resume", resume_and_tell)
    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "_save", save_and_stop)
        done = command("train", *TWO_STEPS, f"out={tmp_path / 'network'}")
    assert done.code == 130
    assert {path.name for path in tmp_path.iterdir()} == {"network.work"}
    assert {path.name for path in (tmp_path / "network.work").iterdir()} == {"training.pt", "seconds"}
    before = float((tmp_path / "network.work" / "seconds").read_text())
    assert command("train", *TWO_STEPS, f"out={tmp_path / 'network'}").code == 0
    assert started == [0, 1]
    assert {path.name for path in tmp_path.iterdir()} == {"network"}
    told = json.loads((tmp_path / "network" / "training.json").read_text())
    assert told["steps"] == 2
    assert told["seconds"] >= int(before)
