"""The budget is kept, nothing is tried twice, and a kill loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from tests.search.conftest import FakeRun, MakeSettings
from vtoncompress.record import Record
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import Study
from vtoncompress.search.worker import work

pytestmark = pytest.mark.usefixtures("quick")


class Killed(BaseException):
    """Ends a worker as a signal does: nothing is told."""


class KilledRun(FakeRun):
    """Killed in its n-th row, the dense one included."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.left = rows

    def values(self, config: dict[str, Any]) -> dict[str, float]:
        self.left -= 1
        if not self.left:
            raise Killed
        return super().values(config)


class FailingRun(FakeRun):
    """Fails in these rows, or in all but the dense one."""

    def __init__(self, *fail: str) -> None:
        super().__init__()
        self.fail = fail

    def __call__(self, config: dict[str, Any]) -> Record:
        record = super().__call__(config)
        if config["variant"] in self.fail or (not self.fail and config["variant"] != "dense"):
            record.status, record.reason = "failed", "the disk is full"
        return record


def _points(settings: Settings) -> list[dict[str, Any]]:
    return [settings.space.clean(trial.params) for trial in Study(settings).trials()]


def test_the_budget_is_kept_and_every_trial_is_another_row(settings: MakeSettings, fake: FakeRun) -> None:
    work(settings(), fake)
    assert len(fake.rows) == len(set(fake.rows)) == 7  # and the dense one
    assert fake.rows[0] == "dense"
    trials = Study(settings()).trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 6
    assert all(trial.values[0] <= 0.8 and trial.values[1] <= 1 for trial in trials)


def test_a_finished_search_only_looks_at_its_dense_row_and_a_larger_budget_goes_on(
    settings: MakeSettings, fake: FakeRun
) -> None:
    work(settings(trials=3), fake)
    work(settings(trials=3), fake)
    assert fake.rows.count("dense") == 2
    assert len(fake.rows) == 5
    work(settings(trials=5), fake)
    assert len(_points(settings(trials=5))) == 5


def test_the_search_is_the_same_whether_it_is_killed_or_not(tmp_path: Path, settings: MakeSettings) -> None:
    """Killed in the third trial, in the seventh, and between: the points are those of an undisturbed search."""
    from tests.search.conftest import source

    for rows in (4, 5):
        with pytest.raises(Killed):
            work(settings(trials=9), KilledRun(rows))
    work(settings(trials=9), FakeRun())
    undisturbed = Settings.parse(source(tmp_path / "other", trials=9))
    work(undisturbed, FakeRun())
    assert _points(settings(trials=9)) == _points(undisturbed)
    assert len({trial.number for trial in Study(settings(trials=9)).trials()}) == 9


def test_a_worker_that_lives_keeps_its_trial(settings: MakeSettings, fake: FakeRun) -> None:
    mine, other = Study(settings(trials=2)), Study(settings(trials=2))
    with mine.ask() as trial:
        assert trial is not None
        # Asked before every trial: it ends where it would wait for the one above.
        work(settings(trials=2), fake, iter([True, False, False]).__next__)
        assert len(fake.rows) == 2  # the dense one, and the only other trial that the budget allows
        with other.ask() as none:
            assert none is None
    assert [one.state for one in mine.trials()] == [TrialState.RUNNING, TrialState.COMPLETE]
    with other.ask() as again:  # its worker left without a word
        assert again is not None
        assert again.params == trial.params


def test_a_space_that_is_smaller_than_the_budget_ends_the_search(settings: MakeSettings, fake: FakeRun) -> None:
    space = {"+pruning.ratios.warp": {"low": 0.0, "high": 0.5, "step": 0.1}}
    work(settings(trials=50, space=space), fake)
    assert sorted(config["pruning"]["ratios"].get("warp") for config in fake.configs[1:]) == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    )


def test_starts_come_first_and_can_be_another_search_s_result(
    settings: MakeSettings, fake: FakeRun, tmp_path: Path
) -> None:
    start = {"+pruning.ratios.warp": 0.1, "+pruning.ratios.generator": 0.4}
    file = tmp_path / "pareto.json"
    file.write_text(
        '{"pareto": [{"parameters": {}}, {"parameters": {"other": 1}}, '
        '{"parameters": {"+pruning.ratios.warp": 0.3, "+pruning.ratios.generator": 0.5}}]}'
    )
    begun = settings(trials=2, start=[start], start_from=str(file))
    work(begun, fake)
    assert _points(begun) == [start, {"+pruning.ratios.warp": 0.3, "+pruning.ratios.generator": 0.5}]
    file.write_text('{"pareto": []}')
    with pytest.raises(ValueError, match="has no point of this space"):
        settings(start_from=str(file))
    file.write_text("[1]")
    with pytest.raises(ValueError, match="neither a pareto.json nor a list"):
        settings(start_from=str(file))


@pytest.mark.parametrize(
    "arguments, changed, name",
    [
        ([], {"objectives": {"ssim_garment": "maximize", "size_mib": "minimize"}}, "objectives"),
        ([], {"constraints": {"gmacs": {"at_most": 1}}}, "constraints"),
        (["data.pairs=5"], {}, "command line"),
    ],
)
def test_a_study_of_other_settings_is_not_joined(
    settings: MakeSettings, arguments: list[str], changed: dict[str, Any], name: str
) -> None:
    Study(settings())
    with pytest.raises(ValueError, match=f"holds a search with another {name}: choose another folder with name=NAME"):
        Study(settings(*arguments, **changed))


def test_where_time_is_sought_a_study_stays_on_its_machine(
    settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is faster there would beat all that was found here."""
    timed = {"objectives": {"ssim_garment": "maximize", "latency_ms_p50": "minimize"}}
    Study(settings(**timed))
    monkeypatch.setattr("vtoncompress.search.settings.environment", lambda: {"cpu": "another", "os": "Linux"})
    with pytest.raises(ValueError, match="holds a search with another machine: choose another folder with name=NAME"):
        Study(settings(**timed))


def test_where_no_time_is_sought_several_machines_join(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    Study(settings())
    monkeypatch.setattr("vtoncompress.search.settings.environment", lambda: {"cpu": "another", "os": "Linux"})
    Study(settings())


def test_how_a_search_is_run_may_change(settings: MakeSettings) -> None:
    Study(settings())
    Study(settings("threads=1", trials=99, sampler={"_target_": "optuna.samplers.NSGAIISampler"}))


@pytest.mark.parametrize("sampler", ["TPESampler", "NSGAIISampler", "RandomSampler"])
def test_the_samplers_take_constraints(settings: MakeSettings, sampler: str) -> None:
    constraints = {"kid_shipped": {"at_most": 0.08, "relative_to": "dense"}}
    mine = settings(trials=8, constraints=constraints, sampler={"_target_": f"optuna.samplers.{sampler}", "seed": 3})
    work(mine, FakeRun())
    found = {tuple(trial.params.values()): trial.constraints["kid_shipped"] for trial in Study(mine).trials()}
    assert len(found) == 8
    for (warp, generator), violation in found.items():
        assert violation == pytest.approx(0.3 * warp + 0.1 * generator - 0.08, abs=1e-9)


def test_failures_in_a_row_end_the_search_and_can_be_tried_again(settings: MakeSettings) -> None:
    with pytest.raises(ValueError, match="3 trials in a row failed, the last because the disk is full: repair that"):
        work(settings(), FailingRun())
    failed = Study(settings()).trials()
    assert [trial.state for trial in failed] == [TrialState.FAIL] * 3
    fake = FakeRun()
    Study(settings()).put_back_failed()
    work(settings(), fake)
    trials = Study(settings()).trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 6
    assert [trial.params for trial in trials[:3]] == [trial.params for trial in failed]


def test_what_fails_again_is_put_back_once_and_keeps_no_other_from_its_turn(settings: MakeSettings) -> None:
    """As ``search`` does with two workers. Points that never work are no reason to end, however many there are."""
    points = [{"+pruning.ratios.warp": warp, "+pruning.ratios.generator": 0.0} for warp in (0.1, 0.2, 0.3, 0.4, 0.5)]
    bad = [settings().space.name(point) for point in points[::2]]
    work(settings(trials=5, start=points), FailingRun(*bad))
    more, run = settings(trials=7, start=points), FailingRun(*bad)
    Study(more).put_back_failed()
    for _ in range(3):
        work(more, run)
    rows = [row for row in run.rows if row != "dense"]
    assert sorted(rows[:3]) == sorted(bad)
    assert len(rows) == len(set(rows)) == 5
    assert [trial.state for trial in Study(more).trials()].count(TrialState.FAIL) == 3
