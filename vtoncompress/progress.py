"""Progress of a long loop: a bar in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text


class RateColumn(ProgressColumn):
    """Steps a second, once there were two."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.2f}/s" if task.speed else "")


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Countable(Sized, Iterable[T_co], Protocol[T_co]):
    """What a loop goes over and knows the length of."""


class Progress:
    """Context manager; ``step`` moves it on by one and shows the given numbers.

    Args:
        title: what is being done.
        total: steps in all.
        done: steps done before.
        line_every: seconds between lines where there is no terminal.
        shown: False for all but one of several processes that do the same.
        moves: False where the bar may be drawn at a step alone, because between steps something is timed.
    """

    def __init__(
        self,
        title: str,
        total: int,
        done: int = 0,
        line_every: float = 20.0,
        shown: bool = True,
        moves: bool = True,
    ) -> None:
        self.title, self.total, self.done, self.line_every, self.shown = title, total, done, line_every, shown
        self.moves = moves
        self.started, self.first = time.monotonic(), done
        self.last_line = self.started
        self.bar: Bar | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Progress:
        if self.shown and sys.stderr.isatty():
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                RateColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                auto_refresh=self.moves,
            )
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total, completed=self.done)
        return self

    def step(self, numbers: Mapping[str, float] | None = None) -> None:
        self.done += 1
        text = " ".join(f"{name} {value:.3f}" for name, value in (numbers or {}).items())
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=self.done, description=f"{self.title} {text}", refresh=not self.moves)
            return
        now = time.monotonic()
        if self.shown and now - self.last_line >= self.line_every:
            self.last_line = now
            rate = (self.done - self.first) / (now - self.started)
            left = (self.total - self.done) / rate
            print(
                f"{self.title} {self.done}/{self.total} {rate:.2f}/s {left:.0f} s left {text}",
                file=sys.stderr,
                flush=True,
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()


def tracked(title: str, items: Countable[T]) -> Iterator[T]:
    """``items``, with the progress of the loop over them shown, if there are several."""
    with Progress(title, len(items), shown=len(items) > 1) as progress:
        for item in items:
            yield item
            progress.step()
