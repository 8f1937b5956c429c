"""Work that tells how far it is, watched from another thread, which may end it between two steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Result = TypeVar("Result")
Told = Callable[..., None]


class Stopped(Exception):
    """Nobody waits for this work any more."""


def follow(work: Callable[[Told], Iterable[Result]]) -> Iterator[Result | tuple[object, ...]]:
    """What ``work`` gives, and between that a tuple of whatever it tells the function that it is given.

    Closing the iterator ends the work when it next tells or gives something: its function raises :class:`Stopped` then.
    What the work raises is raised here.
    """
    events: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
    stopped = threading.Event()

    def told(*step: object) -> None:
        if stopped.is_set():
            raise Stopped
        events.put(("told", step))

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
                assert isinstance(event, BaseException)
                raise event
            yield event  # type: ignore[misc]
    finally:
        stopped.set()
