"""Why a variant has no result, in a line for its row."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator

from vtoncompress.errors import explain

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Slurm sends one of the last two to the processes of a job whose time is nearly up (``sbatch --signal``; submitit asks
for SIGUSR2, or for what ``SUBMITIT_PREEMPT_SIGNAL`` names). They end who does not handle them, without a word."""
NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
DISK_FULL = ("no space left on device", "os error 28")
# All that torch.save says of a write that failed; it keeps the system's error to itself.
NOT_WRITTEN = ("iostream error", "unexpected pos", "pytorchstreamwriter failed")
SPACE = "free some, or choose another with store=/some/folder"
FEWER = "use fewer workers, a smaller batch or a smaller model"
GOES_ON = "the same command goes on from where it was"
STOPPED_WITH_SWEEP = f"stopped with its sweep, by Ctrl-C or SIGTERM: {GOES_ON}"


class Stopped(BaseException):
    """Somebody wants this process to end: not the variant's fault, so that the same command goes on with it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}")


def stop_on_signals() -> None:
    """From now on the signals of ``STOPPING`` raise :class:`Stopped`, the first only: the rest is cleaning up."""

    def stop(number: int, _: object) -> None:
        for one in STOPPING:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped(number)

    for one in STOPPING:
        signal.signal(one, stop)


def root(error: BaseException) -> BaseException:
    """The error itself, or the :class:`Stopped` in whose wake it came: a write that is interrupted fails, too."""
    return next((one for one in _chain(error) if isinstance(one, Stopped)), error)


def reason(error: BaseException) -> str:
    """What went wrong and, where it is known, what to do."""
    match error:
        case Stopped():
            return f"{error}: {GOES_ON}"
        case MemoryError():
            return f"out of memory: {FEWER}"
        case RuntimeError() if any(words in str(error).lower() for words in NO_MEMORY):
            return f"out of memory ({' '.join(str(error).split())[:200]}): {FEWER}"
    return _of_the_disk(error) or explain(error) or f"{type(error).__name__}: {error}"


def _of_the_disk(error: BaseException) -> str | None:
    """Where there was no room for a file; libraries say so in errors of their own, or raise them from the system's."""
    chain = [*_chain(error)]
    for one in chain:
        if isinstance(one, OSError) and one.errno == errno.ENOSPC:
            where = f" under {one.filename}" if one.filename else ""
            return f"the disk is full{where}: {SPACE}"
    texts = [str(one).lower() for one in chain]
    if any(words in text for words in DISK_FULL for text in texts):
        return f"the disk is full: {SPACE}"
    if any(words in text for words in NOT_WRITTEN for text in texts):
        told = " ".join(str(error).split())[:200]
        return f"a file can't be written, most likely for want of room on the disk ({told}): {SPACE}"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised from, or while handling."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def reason_of_death(code: int) -> str:
    """For the exit code of a process that left no record."""
    if code == -signal.SIGKILL:
        return f"the process was killed (signal 9), most likely by the kernel for want of memory: {FEWER}"
    if was_stopped(code):
        return reason(Stopped(-code))
    return f"the process ended with {f'signal {-code}' if code < 0 else f'code {code}'} before it wrote its record"


def was_stopped(code: int) -> bool:
    """Whether a process with this exit code was stopped before it could say so: while it was loading its libraries."""
    return -code in STOPPING
