"""Each way a variant can end without a result has a line that says what happened and what to do."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest
import torch
from safetensors import SafetensorError

from vtoncompress.failure import Stopped, reason, reason_of_death, root, was_stopped


def _no_memory() -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    return caught.value


def _saved_to_a_full_disk(opened: bool) -> BaseException:
    """/dev/full is full, and torch.save neither replaces nor keeps it."""
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises((RuntimeError, OSError)) as caught:
        torch.save({"a": torch.zeros(1_000_000)}, file if opened else "/dev/full")
    return caught.value


def _handled(error: BaseException) -> BaseException:
    """As raised while the first one was dealt with."""
    other = RuntimeError("the file was not written")
    other.__context__ = error
    return other


@pytest.mark.parametrize(
    "error, told",
    [
        (_no_memory(), "out of memory"),
        (MemoryError(), "out of memory: use fewer workers"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/store/a"),
            "the disk is full under /x/store/a: free some",
        ),
        (_saved_to_a_full_disk(opened=True), "the disk is full: free some, or choose another"),
        (_saved_to_a_full_disk(opened=False), "a file can't be written, most likely for want of room on the disk"),
        (
            SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
            "the disk is full: free some",
        ),
        (_handled(OSError(errno.ENOSPC, "No space left on device", "/x/a")), "the disk is full under /x/a: free some"),
        (_handled(OSError(errno.EACCES, "Permission denied")), "RuntimeError: the file was not written"),
        (FloatingPointError("the training loss is nan"), "FloatingPointError: the training loss is nan"),
        (Stopped(signal.SIGINT), "stopped by Ctrl-C: the same command goes on"),
        (Stopped(signal.SIGTERM), "stopped by SIGTERM"),
        (ValueError("ratio=2: use less"), "ratio=2: use less"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_an_error_in_one_line(error: BaseException, told: str) -> None:
    assert reason(error).startswith(told)
    assert "\n" not in reason(error)


def test_a_death_without_words() -> None:
    assert "killed (signal 9), most likely by the kernel for want of memory" in reason_of_death(-signal.SIGKILL)
    assert reason_of_death(-signal.SIGSEGV).startswith("the process ended with signal 11")
    assert reason_of_death(3).startswith("the process ended with code 3")
    assert not was_stopped(-signal.SIGKILL)
    assert not was_stopped(3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_who_is_stopped_before_it_can_say_so_was_stopped(number: signal.Signals) -> None:
    assert was_stopped(-number)
    assert reason_of_death(-number) == f"stopped by {number.name}: the same command goes on from where it was"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_the_first_signal_stops_and_the_next_ones_wait_for_the_cleaning_up(number: signal.Signals) -> None:
    code = f"""
import os, signal
from vtoncompress.failure import STOPPING, Stopped, stop_on_signals
stop_on_signals()
try:
    os.kill(os.getpid(), {int(number)})
except Stopped as error:
    for one in STOPPING:
        os.kill(os.getpid(), one)
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"stopped by {number.name}\n"


def test_a_write_that_fails_because_it_is_stopped_was_stopped() -> None:
    def write() -> None:
        try:
            raise Stopped(signal.SIGTERM)
        except Stopped:
            raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")  # noqa: B904

    with pytest.raises(RuntimeError) as caught:
        write()
    assert isinstance(root(caught.value), Stopped)
    assert reason(root(caught.value)) == "stopped by SIGTERM: the same command goes on from where it was"
    other = RuntimeError("bad")
    assert root(other) is other
