"""The processes that a search with several workers starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.search.conftest import MakeSettings
from vtoncompress.search import command


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
