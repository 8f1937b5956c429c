"""A bar where somebody looks, lines where nobody does."""

from __future__ import annotations

import io
import re
import time

import pytest

from vtoncompress.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_with_rate_and_remaining_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress("training", 40) as progress:
        for _ in range(20):
            time.sleep(0.02)
            progress.step({"flow": 0.5})
        assert progress.bar is not None
        progress.bar.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "training flow 0.500" in text
    assert "20/40" in text
    assert re.search(r"\d\d\.\d\d/s 0:00:0[01]", text)
    assert capsys.readouterr().out == ""


def test_a_log_gets_lines_with_rate_and_remaining_time(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("test pairs", 40, done=10, line_every=0.0) as progress:
        time.sleep(0.1)
        for _ in range(2):
            progress.step()
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"test pairs 11/40 \d+\.\d\d/s \d+ s left ", first)
    assert second.startswith("test pairs 12/40 ")
    with Progress("elsewhere", 1, line_every=0.0, shown=False) as silent:
        silent.step()
    assert capsys.readouterr().err == ""
