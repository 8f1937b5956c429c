"""How far a sweep is: a line each time that a variant begins or ends, whatever runs them.

Lines, not a bar: a variant's own process draws the bars of its long stages in the same terminal. What is known is what
lies on the disk, so that it holds for variants that other processes and machines run.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vtoncompress.dry_run import FAILED, SHARED, Decision, duration
from vtoncompress.outcome import left, log_path, written_since
from vtoncompress.pipeline import Config
from vtoncompress.record import FOLDER

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class State:
    """Of a sweep's variants; ``shared`` is a number of stages that variants have in common."""

    variants: int
    done: int
    running: int
    failed: int
    shared: int

    @property
    def waiting(self) -> int:
        return self.variants - self.done - self.running - self.failed


class SweepProgress:
    """Context manager around the work of a sweep; says nothing where there is nothing to be built.

    Args:
        configs: complete configs of the variants.
        decision: what becomes of them.
    """

    def __init__(self, configs: Sequence[Config], decision: Decision) -> None:
        self.configs, self.begun = configs, time.time()
        fates, seconds, unknown = decision.fates, decision.seconds, decision.unknown
        rows = [fates[config["variant"]].values() for config in configs]
        self.found = sum(all(fate not in ("build", SHARED) for fate in row) for row in rows)
        self._failed_before = {name for name, row in fates.items() if FAILED in row.values()}
        self.shared = sum(fate == SHARED for row in fates.values() for fate in row.values())
        self.expected = None if unknown else seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._told: State | None = None
        self._read: dict[str, tuple[int, str | None]] = {}

    def __enter__(self) -> SweepProgress:
        if self.found < len(self.configs):
            self._told = self.state()  # said once something begins: a mistake that ends the sweep is told alone
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
            self._tell(self.state())

    def state(self) -> State:
        """As the files tell it now."""
        count = Counter(map(self._of, self.configs))
        return State(len(self.configs), count["done"], count["running"], count["failed"], self.shared)

    def running(self) -> list[Config]:
        """Those of the variants that have begun and not ended, as the files tell it now."""
        return [config for config in self.configs if self._of(config) == "running"]

    def _of(self, config: Config) -> str:
        folder, name = Path(config["results"]) / config["name"], config["variant"]
        if name in self._failed_before:  # whose record stays as it is
            return "failed"
        if (status := self._status(folder, name)) is not None:
            return status
        return "running" if written_since(log_path(folder, name), self.begun) else "waiting"

    def _status(self, folder: Path, name: str) -> str | None:
        """Of the record of this sweep, which is read again only when it is another file: there may be hundreds."""
        path = folder / FOLDER / f"{name}.json"
        if not written_since(path, self.begun):
            return None
        known, status = self._read.get(name, (None, None))
        if (written := path.stat().st_mtime_ns) != known:
            record = left(folder, name)
            status = None if record is None else record.status
            self._read[name] = written, status
        return status

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            self._tell(self.state())

    def _tell(self, state: State) -> None:
        if state != self._told:
            self._told = state
            print(self.line(state, time.time() - self.begun), file=sys.stderr, flush=True)

    def line(self, state: State, elapsed: float) -> str:
        """What is printed ``elapsed`` seconds after the beginning.

        The rest is estimated from what was built so far; before anything is, from what like stages took here.
        """
        parts = [f"{state.done} of {state.variants} variants done", f"{state.running} running"]
        parts += [f"{state.failed} failed"] if state.failed else []
        parts += [f"{state.waiting} waiting", f"{state.shared} stages shared"]
        ended = state.done + state.failed
        new, rest = ended - min(self.found, ended), state.running + state.waiting
        if new and rest:
            parts.append(f"about {duration(elapsed / new * rest)} left")
        elif rest and self.expected is not None:
            parts.append(f"about {duration(self.expected)} left")
        return f"sweep: {', '.join(parts)}"
