"""The processes that a search with several workers starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.search.conftest import MakeSettings, source
from tests.search.test_study import FailingRun
from vtoncompress.search import command
from vtoncompress.search.settings import Settings
from vtoncompress.search.worker import work


def test_workers_are_started_with_the_settings_and_waited_for(
    settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"import os, shutil, sys; shutil.copy(sys.argv[1], '{tmp_path}/' + str(os.getpid()) + '.json')"
    monkeypatch.setattr(command, "COMMAND", (sys.executable, "-c", script))
    command._start(settings(), 2)
    told = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert told == [settings().source] * 2


@pytest.mark.parametrize("code, fails", [("sys.exit(2)", True), ("os.kill(os.getpid(), 9)", False)])
def test_a_worker_that_says_what_is_wrong_ends_the_search_and_a_killed_one_does_not(
    settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, code: str, fails: bool
) -> None:
    monkeypatch.setattr(command, "COMMAND", (sys.executable, "-c", f"import os, sys; {code}"))
    if not fails:
        return command._start(settings(), 2)
    with pytest.raises(ValueError, match="a worker ended for the reason above"):
        command._start(settings(), 2)
    return None


@pytest.mark.usefixtures("quick")
def test_a_row_that_always_fails_is_tried_again_once_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for every process that opens the study: of two workers here, and the command itself."""
    start = [{"+pruning.ratios.warp": 0.1, "+pruning.ratios.generator": 0.0}]
    told = source(tmp_path, trials=2, start=start)
    cfg = OmegaConf.create(
        {**told, "workers": 2, "compare": None, "retry_failed": True, "retry_disturbed": False, "threads": 1}
    )
    run = FailingRun(bad := Settings.parse(told).space.name(start[0]))

    def workers(settings: Settings, count: int) -> None:
        assert "retry_failed=true" in settings.overrides  # each row tries again what failed of it
        for _ in range(count):
            work(Settings.parse(settings.source), run)

    def quiet(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(command, "_start", workers)
    monkeypatch.setattr(command, "work", lambda settings: work(settings, run))
    for name in ("check_rows", "write_results", "print_table"):
        monkeypatch.setattr(command, name, quiet)
    for commands in (1, 2):
        command.search(cfg, [*told["arguments"], "threads=1", "retry_failed=true"], ROOT / "conf")
        assert run.rows.count(bad) == commands
