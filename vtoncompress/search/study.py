"""The trials of a search, on disk: any number of workers ask and tell, any of them may be killed.

A trial under way is locked by its worker. The kernel frees the lock of a worker that dies, and whoever asks next puts
its point back: the store has the stages that were finished.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import optuna
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from optuna.trial import FrozenTrial, TrialState

from vtoncompress.search.early_stop import Look
from vtoncompress.search.journal import open_journal
from vtoncompress.search.settings import Settings

NAME, FOLDER, JOURNAL = "search", "study", "journal.log"
# Attributes of trials and of the study.
REPLACES, RETRIED, SAME_AS, VARIANT, ROW, LOOK, REASON, IMPOSSIBLE, SETTINGS = (
    "replaces", "retried", "same_as", "variant", "row", "look", "reason", "impossible", "settings",
)  # fmt: skip
FAILURES = 3
OVER = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Study:
    """Opened, or begun, in ``settings.folder``/study.

    Raises:
        ValueError: it was begun with other settings.
    """

    def __init__(self, settings: Settings) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.settings, self.folder = settings, settings.folder / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / ".lock", fallback_to_soft=False)
        with self._lock:
            storage = open_journal(self.folder / JOURNAL)
            directions = [*settings.objectives.values()]
            self._study = optuna.create_study(
                storage=storage, study_name=NAME, directions=directions, load_if_exists=True
            )
            self._check_settings()

    def put_back_failed(self) -> None:
        """Every trial that failed is to be tried again: called once a command, not by each of its workers."""
        with self._lock:
            self._put_back([trial for trial in self.trials() if trial.state == TrialState.FAIL])

    def trials(self) -> list[FrozenTrial]:
        """By number: without those that were put back, or found to repeat another."""
        return [trial for trial in self._begun() if SAME_AS not in trial.user_attrs]

    def _begun(self) -> list[FrozenTrial]:
        everything = self._study.get_trials(deepcopy=False)
        replaced = {trial.user_attrs.get(REPLACES) for trial in everything}
        return [trial for trial in everything if trial.number not in replaced and trial.state != TrialState.WAITING]

    @contextmanager
    def ask(self) -> Iterator[optuna.Trial | None]:
        """A trial that no other worker works on, locked within; None where the budget is spent or nothing is left.

        Raises:
            ValueError: the last trials failed, so that the next ones most likely would too.
        """
        lock: FileLock | None = None
        with self._lock:
            self._put_back([*self._orphans()])
            trials = self.trials()
            _check_failures(trials)
            trial = self._next(trials) if self._is_any_left(trials) else None
            if trial is not None:
                lock = self._trial_lock(trial.number)
                lock.acquire()
        try:
            yield trial
        finally:
            if lock is not None:
                lock.release()

    def _is_any_left(self, trials: Sequence[FrozenTrial]) -> bool:
        """A point that can have no row takes nothing from the budget, up to as many of them as the budget has."""
        without_row = sum(IMPOSSIBLE in trial.user_attrs for trial in trials)
        return len(trials) - min(without_row, self.settings.trials) < self.settings.trials

    def wait(self) -> bool:
        """Until no other worker works on a trial. Whether there was one, after which there may be more to do."""
        running = [trial for trial in self.trials() if trial.state == TrialState.RUNNING]
        for trial in running:
            with self._trial_lock(trial.number):
                pass
        return bool(running)

    def repeats(self, trial: optuna.Trial, row: str) -> bool:
        """Whether another trial has the same row, though other names: an option that its choices don't use, say.

        Then it is over.

        Args:
            row: equal for equal rows only.
        """
        with self._lock:
            same = [one.number for one in self.trials() if one.user_attrs.get(ROW) == row]
            if same:
                trial.set_user_attr(SAME_AS, same[0])
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                trial.set_user_attr(ROW, row)
        return bool(same)

    def looks(self) -> dict[int, Look]:
        """Figures of the cheap rows, by trial, of those that another trial may be held against.

        Those are finished: one under way may yet fail, or break a constraint.
        """
        return {
            trial.number: trial.user_attrs[LOOK]
            for trial in self.trials()
            if LOOK in trial.user_attrs
            and trial.state == TrialState.COMPLETE
            and all(violation <= 0 for violation in trial.constraints.values())
        }

    def tell(self, trial: optuna.Trial, values: Sequence[float], violations: Mapping[str, float]) -> None:
        """The objectives' figures, as they are, and by how much each constraint is broken."""
        for name, violation in violations.items():
            trial.set_constraint(name, violation)
        with self._lock:
            self._study.tell(trial, list(values))

    def stop(self, trial: optuna.Trial, reason: str) -> None:
        """It was not worth its whole row."""
        self._end(trial, TrialState.PRUNED, reason)

    def fail(self, trial: optuna.Trial, reason: str, impossible: bool = False) -> None:
        """It has no row: that failed or, where it is ``impossible``, this point can have none."""
        if impossible:
            trial.set_user_attr(IMPOSSIBLE, True)
        self._end(trial, TrialState.FAIL, reason)

    def _end(self, trial: optuna.Trial, state: TrialState, reason: str) -> None:
        trial.set_user_attr(REASON, reason)
        with self._lock:
            self._study.tell(trial, state=state)

    def _next(self, trials: Sequence[FrozenTrial]) -> optuna.Trial | None:
        space = self.settings.space
        # Moved on with every trial, so that no two workers draw alike and a killed search goes on as if it were not.
        seed = self.settings.sampler.get("seed", 0) + len(trials)
        self._study.sampler = instantiate({**self.settings.sampler, "seed": seed})
        seen = {space.name(trial.params): trial.number for trial in reversed(self._begun())}
        trial = self._study.ask(dict(space.distributions))
        if space.name(trial.params) not in seen:
            return trial
        trial.set_user_attr(SAME_AS, seen[space.name(trial.params)])
        self._study.tell(trial, state=TrialState.FAIL)
        point = space.unseen(seen, random.Random(seed))
        if point is None:
            return None
        self._study.enqueue_trial(point)
        return self._study.ask(dict(space.distributions))

    def _orphans(self) -> Iterator[FrozenTrial]:
        """Trials whose worker is gone."""
        for trial in self.trials():
            if trial.state == TrialState.RUNNING:
                lock = self._trial_lock(trial.number)
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                lock.release()
                yield trial

    def _put_back(self, trials: Sequence[FrozenTrial]) -> None:
        for trial in trials:
            retried = trial.state == TrialState.FAIL or RETRIED in trial.user_attrs
            told = {REPLACES: trial.number} | ({RETRIED: True} if retried else {})
            # In this order a kill in between leaves a trial that is put back already, and none that is lost.
            self._study.enqueue_trial(trial.params, user_attrs=told)
            if trial.state not in OVER:
                self._study.tell(trial.number, state=TrialState.FAIL)

    def _trial_lock(self, number: int) -> FileLock:
        return FileLock(self.folder / f".trial{number}.lock", fallback_to_soft=False)

    def _check_settings(self) -> None:
        mine, theirs = self.settings.fixed(), self._study.user_attrs.get(SETTINGS)
        if theirs is None:
            self._study.set_user_attr(SETTINGS, mine)
            for point in self.settings.start:
                self._study.enqueue_trial(dict(point))
        elif different := [name for name in mine if mine[name] != theirs.get(name)]:
            raise ValueError(
                f"{self.settings.folder} holds a search with another {different[0]}: choose another folder with "
                f"name=NAME, or the settings of that one ({theirs.get(different[0])})"
            )


def _check_failures(trials: Sequence[FrozenTrial]) -> None:
    """A point that can have no row, or fails once more, says nothing of the machine: it is not counted."""
    over = [trial for trial in trials if trial.state in OVER and not {IMPOSSIBLE, RETRIED} & trial.user_attrs.keys()]
    last = sorted(over, key=lambda trial: trial.datetime_complete)[-FAILURES:]
    if len(last) == FAILURES and all(trial.state == TrialState.FAIL for trial in last):
        raise ValueError(
            f"{FAILURES} trials in a row failed, the last because {last[-1].user_attrs.get(REASON)}: repair that and "
            "run the search again with retry_failed=true"
        )
