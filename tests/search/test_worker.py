"""What becomes of a trial, and several workers in processes of their own, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from tests.conftest import ROOT
from tests.search.conftest import LOOK, FakeRun, MakeSettings, fake_values, source
from vtoncompress.record import Record
from vtoncompress.search import row
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import LOOK as SEEN
from vtoncompress.search.study import REASON, Study
from vtoncompress.search.worker import PARITY, work

STARTS = [
    {"+pruning.ratios.warp": warp, "+pruning.ratios.generator": generator}
    for warp, generator in ((0.0, 0.5), (0.5, 0.1), (0.2, 0.0))
]


@pytest.mark.usefixtures("quick")
def test_every_trial_is_first_measured_cheaply(settings: MakeSettings, fake: FakeRun) -> None:
    mine = settings(trials=3, start=STARTS, early_stop=LOOK)
    work(mine, fake)
    trials = Study(mine).trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3  # none is behind in both columns
    expected = fake_values({"pruning": {"ratios": {"generator": 0.5}}})
    assert trials[0].user_attrs[SEEN] == {column: expected[column] for column in ("ssim_garment", "gmacs")}
    rows = [(config["name"], config["pair_count"]) for config in fake.configs]
    assert rows == [("found", 4), *[("found/looks", 2), ("found", 4)] * 3]


@pytest.mark.usefixtures("quick")
def test_a_stopped_trial_has_no_row_and_says_which_one_beats_it(settings: MakeSettings) -> None:
    class Worse(FakeRun):
        def values(self, config: dict[str, Any]) -> dict[str, float]:
            worse = config["pruning"]["ratios"].get("warp") == 0.5
            return {"ssim_garment": 0.5 if worse else 0.8, "gmacs": 0.9 if worse else 0.5, "size_mib": 1.0}

    run, mine = Worse(), settings(trials=3, start=STARTS, early_stop=LOOK)
    work(mine, run)
    trials = Study(mine).trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.COMPLETE]
    assert trials[1].user_attrs[REASON] == "trial 1 is better in all of ssim_garment, gmacs"
    whole = [config["variant"] for config in run.configs if config["name"] == "found"]
    assert len(whole) == 3
    assert mine.space.name(STARTS[1]) not in whole


@pytest.mark.usefixtures("quick")
def test_an_infeasible_trial_stops_no_other(settings: MakeSettings) -> None:
    class Tempting(FakeRun):
        """The first is best in all that a look shows, and breaks the constraint."""

        def values(self, config: dict[str, Any]) -> dict[str, float]:
            first = config["pruning"]["ratios"].get("generator") == 0.5
            kid = {"kid_shipped": 1.0 if first else 0.0}
            return {"ssim_garment": 0.9 if first else 0.5, "gmacs": 0.1 if first else 0.9, "size_mib": 1.0} | kid

    mine = settings(trials=3, start=STARTS, early_stop=LOOK, constraints={"kid_shipped": {"at_most": 0.1}})
    work(mine, Tempting())
    trials = Study(mine).trials()
    assert trials[0].constraints == {"kid_shipped": 0.9}
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3


@pytest.mark.usefixtures("quick")
def test_a_trial_that_another_worker_is_at_stops_none(settings: MakeSettings, fake: FakeRun) -> None:
    """It is best in all that a look shows, and may yet fail or break a constraint."""
    mine = settings(trials=2, start=STARTS, early_stop=LOOK)
    with Study(mine).ask() as running:
        assert running is not None
        running.set_user_attr(SEEN, {"ssim_garment": 1.0, "gmacs": 0.0})
        work(mine, fake, iter([True, False, False]).__next__)
        assert [trial.state for trial in Study(mine).trials()] == [TrialState.RUNNING, TrialState.COMPLETE]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "broken, message",
    [
        ({"status": "failed", "reason": "no memory"}, "the dense row failed: no memory"),
        ({"values": {"gmacs": 1.0}}, "dense has no ssim_garment: no metric of the row has such a column: see search"),
    ],
)
def test_a_dense_row_that_lacks_what_is_sought_ends_the_search_before_it_begins(
    settings: MakeSettings, broken: dict[str, Any], message: str
) -> None:
    rows = []

    def run(config: dict[str, Any]) -> Record:
        rows.append(config["variant"])
        return Record(config["variant"], **broken)

    with pytest.raises(ValueError, match=message):
        work(settings(), run)
    assert rows == ["dense"]


@pytest.mark.usefixtures("quick")
def test_a_row_that_was_stopped_is_not_judged(settings: MakeSettings, fake: FakeRun) -> None:
    def stopped(config: dict[str, Any]) -> Record:
        record = fake(config)
        if config["variant"] != "dense":
            record.status, record.details = "failed", {"stopped": True}
        return record

    with pytest.raises(KeyboardInterrupt):
        work(settings(trials=1), stopped)
    begun = Study(settings(trials=1)).trials()
    work(settings(trials=1), fake)
    trials = Study(settings(trials=1)).trials()
    assert [trial.state for trial in (*begun, *trials)] == [TrialState.RUNNING, TrialState.COMPLETE]
    assert trials[0].params == begun[0].params


@pytest.mark.usefixtures("quick")
def test_a_point_that_can_not_work_fails_without_ending_the_search(
    settings: MakeSettings, fake: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed, refused = row.row_config, list[str]()

    def refuse(*arguments: Any) -> dict[str, Any]:
        config = composed(*arguments)
        if config["variant"] != "dense" and len(refused) < 4:
            refused.append(config["variant"])
            raise ValueError("these two don't go together")
        return config

    monkeypatch.setattr(row, "row_config", refuse)
    work(settings(), fake)
    trials = Study(settings()).trials()
    assert [trial.state for trial in trials] == [TrialState.FAIL] * 4 + [TrialState.COMPLETE] * 6
    assert trials[0].user_attrs[REASON] == "these two don't go together"


class Gate(FakeRun):
    """The deployed network paints something else, in the rows of these folders, but for the dense one."""

    def __init__(self, *folders: str) -> None:
        super().__init__()
        self.folders = folders

    def __call__(self, config: dict[str, Any]) -> Record:
        record = super().__call__(config)
        if config["name"] in self.folders and config["variant"] != "dense":
            record.status, record.reason, record.details["error"] = "failed", "4.25 levels, 3 are allowed", PARITY
        return record


@pytest.mark.usefixtures("quick")
def test_a_point_that_the_parity_gate_refuses_takes_nothing_from_the_budget(settings: MakeSettings) -> None:
    """Nor are three of them in a row a reason to end: they say nothing of the machine. But twice the budget is."""
    mine, run = settings(trials=4), Gate("found")
    work(mine, run)
    trials = Study(mine).trials()
    assert [trial.state for trial in trials] == [TrialState.FAIL] * 8
    assert trials[0].user_attrs[REASON] == "4.25 levels, 3 are allowed"
    assert len(set(run.rows)) == 9


@pytest.mark.usefixtures("quick")
def test_a_look_that_the_parity_gate_refuses_says_nothing_of_the_whole_row(settings: MakeSettings) -> None:
    mine = settings(trials=3, start=STARTS, early_stop=LOOK)
    work(mine, Gate("found/looks"))
    assert [trial.state for trial in Study(mine).trials()] == [TrialState.COMPLETE] * 3


@pytest.mark.usefixtures("quick")
def test_points_that_are_one_row_are_measured_once(settings: MakeSettings, fake: FakeRun) -> None:
    """An option that no choice uses gives a point another name and the same row."""
    space = {"+pruning.ratios.warp": {"choices": [0.0, 0.1]}, "unused": {"choices": [1, 2, 3]}}
    mine = settings(trials=6, space=space)
    work(mine, fake)
    assert sorted(config["pruning"]["ratios"].get("warp", -1) for config in fake.configs) == [-1, 0.0, 0.1]
    assert [trial.state for trial in Study(mine).trials()] == [TrialState.COMPLETE] * 2


def _start(folder: Path, request: Path, base: Path, seconds: float, log: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).parent / "fake_worker.py"), str(request), str(base), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, str(folder / log)], env=environment)


def test_two_workers_share_a_search_and_one_that_is_killed_loses_nothing(tmp_path: Path, base: dict[str, Any]) -> None:
    content = source(tmp_path, trials=12)
    request, known = tmp_path / "settings.json", tmp_path / "base.json"
    request.write_text(json.dumps(content))
    known.write_text(json.dumps(base))
    settings = Settings.parse(content)
    workers = [_start(tmp_path, request, known, 0.3, f"log{index}") for index in range(2)]
    log = tmp_path / "log0"
    deadline = time.monotonic() + 60
    while not log.exists() or len(log.read_text().splitlines()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert [worker.wait(60) for worker in workers] == [-signal.SIGKILL, 0]
    trials = Study(settings).trials()
    assert len(trials) == 12  # neither too few, with the killed one's trial lost, nor too many
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert len({settings.space.name(trial.params) for trial in trials}) == 12
    rows = [(tmp_path / name).read_text().split() for name in ("log0", "log1")]
    assert all(len(set(one)) == len(one) for one in rows)
    assert len({*rows[0], *rows[1]}) == 13
    both = {*rows[0]} & {*rows[1]} - {"dense"}
    assert both == {rows[0][-1]}  # what the killed worker had begun
    assert not [*settings.folder.rglob("*.part")]


def test_a_row_that_was_stopped_is_not_cut_off_while_it_cleans_up(tmp_path: Path, base: dict[str, Any]) -> None:
    """A terminal's Ctrl-C reaches worker and command, and the command then stops its workers."""
    request, known, log = tmp_path / "settings.json", tmp_path / "base.json", tmp_path / "log"
    request.write_text(json.dumps(source(tmp_path)))
    known.write_text(json.dumps(base))
    worker = _start(tmp_path, request, known, 60, "log")
    deadline = time.monotonic() + 60
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker.send_signal(signal.SIGINT)
    time.sleep(0.2)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 130
    assert log.read_text().split() == ["dense", "cleaned"]


def test_workers_end_with_one_line_where_something_is_wrong(tmp_path: Path, base: dict[str, Any]) -> None:
    content, known = source(tmp_path), tmp_path / "base.json"
    known.write_text(json.dumps(base))
    Study(Settings.parse(content))
    content["search"]["objectives"] = {"gmacs": "minimize"}
    (tmp_path / "settings.json").write_text(json.dumps(content))
    worker = _start(tmp_path, tmp_path / "settings.json", known, 0, "log")
    assert worker.wait(60) == 2
    assert not (tmp_path / "log").exists()
