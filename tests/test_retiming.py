"""Rows that were disturbed while they were timed are timed again when that is asked for, and nothing else is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import TOY, Command
from vtoncompress.record import FOLDER

TIMED = (
    "run", "-m", *TOY, "export=torch", "metric=[cost,speed]", "metric.speed.repetitions=5", "metric.speed.warmup=1",
    "pruning=one_shot", "pruning.ratio=0.2,0.4", "name=timed",
)  # fmt: skip


def _told(path: Path, latencies: list[float]) -> None:
    record = json.loads(path.read_text())
    record["details"]["speed"] |= {"latency_ms": latencies, "baseline_latency_ms": [25.0] * 8, "told": True}
    path.write_text(json.dumps(record))


def _built(log: Path) -> list[str]:
    return re.findall(r"(\w+)/\w+: built in", log.read_text())


def test_only_what_was_disturbed_is_timed_again(command: Command, tmp_path: Path) -> None:
    again = (*TIMED, f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}")
    assert command(*again).code == 0
    folder = tmp_path / "results" / "timed"
    restless, calm = sorted((folder / FOLDER).glob("*.json"))
    _told(restless, [9.0] * 4 + [30.0] * 4)
    _told(calm, [9.0] * 8)
    logs = [folder / "logs" / f"{path.stem}.log" for path in (restless, calm)]
    before = [_built(log) for log in logs]

    planned = command(*again, "retry_disturbed=true", "dry_run=true").out
    assert f"to be timed again, for they were disturbed: {restless.stem}\n" in planned
    assert "stages: 0 to build" in planned

    ended = command(*again, "retry_disturbed=true")
    assert ended.code == 0
    assert re.findall(r"(\S+): disturbed while timed, is timed again", ended.err) == [restless.stem]
    assert [_built(log) for log in logs] == [[*before[0], "subject"], before[1]]
    assert "told" not in json.loads(restless.read_text())["details"]["speed"]
