"""The four stages in a row: end to end, resumed to the bit, never twice; mistakes are one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Command, run_script
from vtoncompress import checkpoint
from vtoncompress.finetuning.training_state import TrainingState
from vtoncompress.four_stages import STAGES
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.parser_based import ParserBased

SMALL = (
    "model.network.width=0.03125", "model.size=[64,64]", "batch_size=2", "workers=0", "mixed_precision=no",
    "checkpoint_every=1", "batch_norm_samples=2", *(f"stages.{name}.samples=4" for name in STAGES),
)  # fmt: skip
Arguments = Callable[..., tuple[str, ...]]


@pytest.fixture
def arguments(viton_root: Path) -> Arguments:
    return lambda out, *options: (*SMALL, f"root={viton_root}", f"out={out}", *options)


@pytest.fixture(scope="module")
def trained(viton_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four, undisturbed."""
    out = tmp_path_factory.mktemp("stages") / "out"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run_script(monkeypatch, "train_stages", *SMALL, f"root={viton_root}", f"out={out}") == 0
    return out


def _weights(out: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {name: load_file(out / name / checkpoint.WEIGHTS) for name in STAGES}


def _same(first: Path, second: Path) -> bool:
    ours, theirs = _weights(first), _weights(second)
    return all(torch.equal(value, theirs[name][key]) for name in STAGES for key, value in ours[name].items())


def test_each_stage_leaves_a_network_and_how_it_was_made(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {*STAGES}
    for name in STAGES:
        network = checkpoint.load_network(trained / name)
        assert type(network) is (ParserBased if name.startswith("parser_based") else PFAFN)
        told = json.loads((trained / name / "training.json").read_text())
        assert told["stage"] == name
        assert told["steps"] == 2
        assert told["data"]["examples"] == 4
        assert told["seconds"] >= 0
        assert told["perceptual"]["network"]
        assert ("teacher_better" in told) == name.startswith("parser_free")
    student = checkpoint.load(trained / "parser_free")  # an ordinary try-on model
    assert student.size == (64, 64)


def test_a_stage_begins_with_what_the_one_before_left(trained: Path) -> None:
    weights = _weights(trained)
    for first, then in (("parser_based_warp", "parser_based"), ("parser_free_warp", "parser_free")):
        for key, value in weights[first].items():
            if "running_" in key or "num_batches" in key:
                continue
            gap = (value - weights[then][key]).abs().max() if value.numel() else 0
            assert gap < 1e-3, key  # two steps at the beginning of the warm-up
    torch.manual_seed(0)
    untrained = ParserBased(1 / 32, (64, 64)).state_dict()
    kept = {key: value for key, value in weights["parser_based_warp"].items() if key.startswith("generator.")}
    assert all(torch.equal(value, untrained[key]) for key, value in kept.items())


@pytest.mark.parametrize("stage", [0, 3])
def test_a_killed_run_goes_on_to_the_same_networks(
    trained: Path, arguments: Arguments, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    out = tmp_path / "out"
    for name in STAGES[:stage]:
        shutil.copytree(trained / name, out / name)
    save = TrainingState.save

    def save_and_stop(state: TrainingState, step: int) -> None:
        save(state, step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "save", save_and_stop)
        assert command("train_stages", *arguments(out)).code == 130
    assert (out / f"{STAGES[stage]}.work" / "training.pt").is_file()
    done = command("train_stages", *arguments(out))
    assert done.code == 0
    assert done.out.count("trained already") == stage
    assert done.out.endswith(f"checkpoint: {out / 'parser_free'}\n")
    assert _same(out, trained)
    for name in STAGES:
        told = [json.loads((folder / name / "training.json").read_text()) for folder in (out, trained)]
        assert {key: told[0][key] for key in told[0] if key != "seconds"} == {
            key: told[1][key] for key in told[1] if key != "seconds"
        }


def test_what_is_finished_is_not_trained_again(trained: Path, arguments: Arguments, command: Command) -> None:
    before = {file: file.stat().st_mtime_ns for file in trained.rglob("*")}
    done = command("train_stages", *arguments(trained))
    assert (done.code, done.out.count("trained already")) == (0, 4)
    assert {file: file.stat().st_mtime_ns for file in trained.rglob("*")} == before


@pytest.mark.parametrize(
    "option, told",
    [
        ("stages.parser_based.samples=6", "was trained with other settings (options.samples=4 instead of 6)"),
        ("seed=1", "seed=0 instead of 1"),
        ("data.background_margin=null", "data.background_margin=0.08 instead of None"),
        ("distillation.weight=0", "options.distillation.weight=1.0 instead of 0"),
    ],
)
def test_a_stage_of_other_settings_is_not_taken_for_this_one(
    trained: Path, arguments: Arguments, command: Command, option: str, told: str
) -> None:
    done = command("train_stages", *arguments(trained, option))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert told in done.err
    assert "remove it, restore them, or name another out=FOLDER" in done.err


def test_a_teacher_from_elsewhere_saves_its_stages(
    trained: Path, arguments: Arguments, command: Command, tmp_path: Path
) -> None:
    """The student without its lessons: it sees the same pictures in the same order and begins the same."""
    out = tmp_path / "out"
    options = (f"teacher={trained / 'parser_based'}", "distillation.weight=0")
    assert command("train_stages", *arguments(out, *options)).code == 0
    assert {path.name for path in out.iterdir()} == {*STAGES[2:]}
    told = [json.loads((folder / "parser_free_warp" / "training.json").read_text()) for folder in (out, trained)]
    assert told[0]["teacher"] == told[1]["teacher"]
    assert told[0]["options"]["distillation"]["weight"] == 0
    assert "teacher_better" not in told[0]


def test_without_a_root_data_is_generated(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = (
        "generated.pairs=3",
        "generated.height=128",
        "generated.width=96",
        *(f"stages.{s}.samples=2" for s in STAGES),
    )
    assert command("train_stages", *SMALL, f"out={out}", *options).code == 0
    assert len([*(out / "data" / "train_img").iterdir()]) == 3
    assert checkpoint.load(out / "parser_free").size == (64, 64)
    done = command("train_stages", *SMALL, f"out={out}", *options, "generated.pairs=4")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "holds other generated data" in done.err


@pytest.mark.parametrize(
    "options, told",
    [
        (("root=nowhere",), "there is no folder nowhere/train_img"),
        (("teacher=nowhere",), "nowhere is no checkpoint: structure.json is missing"),
        (("stages.parser_free.samples=1",), "stages.parser_free.samples=1 with stages.parser_free.batch_size=2"),
        (("stages.parser_free.samples=many",), "stages.parser_free.samples=many: a whole number is needed"),
        (("stages.parser_based.loss.result=-1",), "loss.result=-1: give a number of 0"),
        (("stages.parser_based.schedule=step",), "stages.parser_based.schedule=step: choose one of cosine, linear"),
        (("+stages.parser_free.loss.flow=1",), "stages.parser_free.loss.flow is no term of the loss: there are multi_"),
        (("+stages.parser_free_warp.loss.result=1",), "stages.parser_free_warp.loss.result is no term of the loss"),
        (("tracker=diary",), "tracker=diary: choose one of tensorboard, mlflow, wandb, or null"),
        (("data.background_margin=wide",), "data.background_margin=wide: a number or null is needed"),
        (("data.arm_labels=11",), "data.arm_labels=11: give a list of whole numbers from 0 to 255"),
        (("data.garment_labels=[7]",), "name its labels with data.garment_labels"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: Arguments, command: Command, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = command("train_stages", *arguments(tmp_path / "out", *options))
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert told in done.err
    assert not (tmp_path / "out").exists()


def test_a_bad_pose_is_one_line(viton_root: Path, command: Command, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(viton_root, root)
    bad = sorted((root / "train_pose").iterdir())[2]
    bad.write_text('{"people": [{}]}')
    done = command("train_stages", *SMALL, f"root={root}", f"out={tmp_path / 'out'}")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert str(bad) in done.err
    assert "run OpenPose on its picture again" in done.err


def test_a_student_is_no_teacher(trained: Path, arguments: Arguments, command: Command, tmp_path: Path) -> None:
    done = command("train_stages", *arguments(tmp_path / "out", f"teacher={trained / 'parser_free'}"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "is a PFAFN" in done.err
    assert "but a ParserBased" in done.err
