"""A lease lasts as long as its process or its object, and is known to others."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vtoncompress import fingerprint
from vtoncompress.lease import Lease
from vtoncompress.store import Store

HOLDER = """
import sys
from pathlib import Path
from vtoncompress.lease import Lease
lease = Lease(Path(sys.argv[1]))
with lease.gate():
    lease.take()
print("held", flush=True)
sys.stdin.read()
"""


def oldest(folder: Path) -> float | None:
    lease = Lease(folder)
    with lease.gate():
        return lease.oldest()


def leases(folder: Path) -> int:
    return len(list(folder.glob("*.lease")))


def test_a_lease_ends_with_its_object(tmp_path: Path) -> None:
    assert oldest(tmp_path) is None
    lease, before = Lease(tmp_path), time.time()
    with lease.gate():
        lease.take()
        lease.take()
    assert leases(tmp_path) == 1
    found = oldest(tmp_path)
    assert found is not None
    assert before <= found <= time.time()
    second = Lease(tmp_path)
    with second.gate():
        second.take()
    assert oldest(tmp_path) == found
    del lease
    later = oldest(tmp_path)
    assert later is not None
    assert later > found
    del second
    assert oldest(tmp_path) is None
    assert leases(tmp_path) == 0


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_a_lease_ends_with_its_process(tmp_path: Path, end: signal.Signals | None) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=fingerprint.PACKAGE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert oldest(tmp_path) is not None
        if end is not None:
            process.send_signal(end)
        process.communicate()
    assert leases(tmp_path) == (1 if end else 0)  # a killed one leaves the file, which says nothing
    assert oldest(tmp_path) is None
    assert leases(tmp_path) == 0


def test_the_gate_lets_one_through(tmp_path: Path) -> None:
    passed = threading.Event()

    def pass_through() -> None:
        with Lease(tmp_path).gate():
            passed.set()

    thread = threading.Thread(target=pass_through)
    with Lease(tmp_path).gate():
        thread.start()
        assert not passed.wait(0.2)
    assert passed.wait(10)
    thread.join()


def test_without_flock_there_is_no_lock_that_outlives_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    lease, store = Lease(tmp_path / "locks"), Store(tmp_path)
    with pytest.raises(OSError, match="not implemented"), lease.gate():
        pass
    with pytest.raises(OSError, match="not implemented"):
        lease.take()
    with pytest.raises(ValueError, match=r"not implemented.*store=/some/folder"), store.lock_if_free("model", "key"):
        pass
