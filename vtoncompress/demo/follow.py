"""Work that tells how far it is, watched from another thread, which may end it between two steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")
Step = tuple[str, int, int]
"""What is running, steps of it that are done, of how many."""
Told = Callable[[str, int, int], None]


class Stopped(Exception):
    """Nobody waits for this work any more."""


def follow(work: Callable[[Told], Iterable[Result]]) -> Iterator[Result | Step]:
    """What ``work`` gives, and between that the steps that it tells the function that it is given.

    Closing the iterator ends the work when it next tells or gives something: its function raises :class:`Stopped` then.
    What the work raises is raised here.
    """
    events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    stopped = threading.Event()

    def told(what: str, done: int, steps: int) -> None:
        if stopped.is_set():
            raise Stopped
        events.put(("told", (what, done, steps)))

    def run() -> None:
        try:
            for one in work(told):
                if stopped.is_set():
                    return
                events.put(("given", one))
            events.put(("ended", None))
        except Stopped:
            pass
        except BaseException as error:  # of the thread that waits, not of this one
            events.put(("raised", error))

    threading.Thread(target=run, daemon=True).start()
    try:
        while True:
            kind, event = events.get()
            if kind == "ended":
                return
            if kind == "raised":
                raise event
            yield event
    finally:
        stopped.set()
