"""A user's mistake is one line that says what to change; a bug keeps its traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import DictConfig

from vtoncompress.errors import INTERRUPTED, USER_MISTAKE, run_main

CONFIG = """
defaults:
  - model: small
  - _self_
  - override hydra/hydra_logging: disabled
  - override hydra/job_logging: disabled
ratio: 0.5
file: ???
hydra:
  output_subdir: null
  run: {dir: .}
"""

Task = Callable[[DictConfig], None]
Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a task under Hydra with arguments, in an empty folder; gives the exit code and stderr."""
    conf, folder = tmp_path / "conf", tmp_path / "cwd"
    (conf / "model").mkdir(parents=True)
    folder.mkdir()
    (conf / "main.yaml").write_text(CONFIG)
    for name in ("small", "large"):
        (conf / "model" / f"{name}.yaml").write_text("_target_: fractions.Fraction\nnumerator: 1\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")

    def call(task: Task, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        main: Any = hydra.main(version_base=None, config_path=str(conf), config_name="main")(task)
        code = run_main(main)
        assert not list(folder.iterdir()), "Hydra wrote into the working folder"
        return code, capfd.readouterr().err

    return call


def _nothing(cfg: DictConfig) -> None:
    pass


def _raise(error: BaseException) -> Task:
    def task(cfg: DictConfig) -> None:
        raise error

    return task


def _is_one_line(text: str) -> bool:
    return text.startswith("error: ") and text.count("\n") == 1


def test_success(command: Command) -> None:
    assert command(_nothing) == (0, "")


@pytest.mark.parametrize(
    "argument, expected",
    [
        ("model=huge", "error: unknown model=huge: choose one of large, small\n"),
        ("ratoi=1", "error: unknown option ratoi: this command has ratio\n"),
        ("model.numerater=1", "error: unknown option model.numerater: model has numerator\n"),
        ("--dry-run", "error: unknown flag --dry-run: options have no dashes, write dry_run=VALUE\n"),
        ("--cfg=nothing", None),
        ("ratio=1,2", None),
        ("ratio=[1", None),
        ("ratio", None),
        ("~nothing", None),
        ("+model=large", None),
        ("--config-name=other", None),
        ("--config-dir=/nowhere", None),
    ],
)
def test_mistakes_in_the_command(command: Command, argument: str, expected: str | None) -> None:
    code, text = command(_nothing, argument)
    assert code == USER_MISTAKE
    assert _is_one_line(text)
    assert expected in (None, text)


@pytest.mark.parametrize(
    "error, expected",
    [
        (ValueError("too\n  much"), "error: too much\n"),
        (FileNotFoundError(2, "No such file or directory", "a.png"), "error: a.png: No such file or directory\n"),
        (OSError(28, "No space left on device"), "error: [Errno 28] No space left on device\n"),
    ],
)
def test_mistakes_met_while_working(command: Command, error: Exception, expected: str) -> None:
    assert command(_raise(error)) == (USER_MISTAKE, expected)


def test_a_missing_value(command: Command) -> None:
    expected = "error: file is missing: add file=VALUE to the command\n"
    assert command(lambda cfg: print(cfg.file)) == (USER_MISTAKE, expected)


def test_an_unknown_interpolation(command: Command) -> None:
    code, text = command(lambda cfg: print(cfg.file), "file=${nothing}")
    assert code == USER_MISTAKE
    assert _is_one_line(text)
    assert "file: Interpolation key 'nothing' not found" in text


def _build(cfg: DictConfig) -> None:
    hydra.utils.instantiate(cfg.model)


def test_mistakes_in_what_is_built(command: Command) -> None:
    code, text = command(_build, "+model.extra=1")
    assert code == USER_MISTAKE
    assert _is_one_line(text)
    assert "model: " in text
    assert "'extra'" in text
    code, text = command(_build, "model.numerator=half")
    assert (code, text) == (USER_MISTAKE, "error: Invalid literal for Fraction: 'half'\n")
    code, text = command(_build, "model._target_=nothing.Here")
    assert code == USER_MISTAKE
    assert _is_one_line(text)
    assert "nothing.Here" in text


def test_a_bug_in_what_is_built_keeps_its_traceback(command: Command) -> None:
    with pytest.raises(hydra.errors.InstantiationException):
        command(_build, "+model.denominator=[1]")


def test_interruption(command: Command) -> None:
    assert command(_raise(KeyboardInterrupt())) == (INTERRUPTED, "interrupted\n")


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("bug"), AttributeError("bug"), ValueError()])
def test_bugs_are_raised(command: Command, error: Exception) -> None:
    with pytest.raises(type(error)):
        command(_raise(error))


def test_traceback_on_demand(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VTONCOMPRESS_TRACEBACK", "1")
    with pytest.raises(ValueError, match="mistake"):
        command(_raise(ValueError("mistake")))


def test_other_output_passes(command: Command) -> None:
    def task(cfg: DictConfig) -> None:
        print("progress", file=sys.stderr)
        raise ValueError("mistake")

    assert command(task) == (USER_MISTAKE, "progress\nerror: mistake\n")
