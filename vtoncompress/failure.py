"""Why a variant has no result, in a line for its row."""

from __future__ import annotations

import errno
import signal

from vtoncompress.errors import explain

STOPPING = (signal.SIGINT, signal.SIGTERM)
NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
FEWER = "use fewer workers, a smaller batch or a smaller model"


class Stopped(BaseException):
    """Somebody wants this process to end: not the variant's fault, so that the same command goes on with it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}")


def stop_on_signals() -> None:
    """From now on Ctrl-C and SIGTERM raise :class:`Stopped`, the first of them only: the rest is cleaning up."""

    def stop(number: int, _: object) -> None:
        for one in STOPPING:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped(number)

    for one in STOPPING:
        signal.signal(one, stop)


def reason(error: BaseException) -> str:
    """What went wrong and, where it is known, what to do."""
    match error:
        case Stopped():
            return f"{error}: the same command goes on from where it was"
        case MemoryError():
            return f"out of memory: {FEWER}"
        case OSError(errno=errno.ENOSPC):
            where = f" under {error.filename}" if error.filename else ""
            return f"the disk is full{where}: free some, or choose another with store=/some/folder"
        case RuntimeError() if any(words in str(error).lower() for words in NO_MEMORY):
            return f"out of memory ({' '.join(str(error).split())[:200]}): {FEWER}"
    return explain(error) or f"{type(error).__name__}: {error}"


def reason_of_death(code: int) -> str:
    """For the exit code of a process that left no record."""
    if code == -signal.SIGKILL:
        return f"the process was killed (signal 9), most likely by the kernel for want of memory: {FEWER}"
    return f"the process ended with {f'signal {-code}' if code < 0 else f'code {code}'} before it wrote its record"
