"""Whether the C library keeps memory that was given back, for a timing that must not depend on it. Imports no torch.

PyTorch allocates every map anew, and by its history glibc takes a large one from the system each time, whose pages are
then cleared one by one, or keeps it from the last time: the same code takes once or twice as long.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

KNOWN = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
"""Whether this system has the options below."""
KEPT, ANEW, UNKNOWN = "kept", "taken anew", "as the system has it"

# Of mallopt(3), with glibc's defaults; 32 MiB is the largest threshold that it adapts to by itself.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KIB, _MIB = 1 << 10, 1 << 20
_SETTINGS = {
    KEPT: {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1},
    ANEW: {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 128 * _KIB, _TRIM_THRESHOLD: 128 * _KIB},
}
_AFTERWARDS = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 * _MIB, _TRIM_THRESHOLD: 64 * _MIB}


@contextmanager
def memory(how: str) -> Iterator[str]:
    """Have this process keep its memory (:data:`KEPT`) or take every large block from the system (:data:`ANEW`).

    Yields which of both it is, or :data:`UNKNOWN` where the C library is another one. Afterwards it is as glibc gets by
    itself in a process that uses large blocks, and what was kept is given back.
    """
    if not KNOWN:
        yield UNKNOWN
        return
    library = ctypes.CDLL(None)
    _set(library, _SETTINGS[how])
    try:
        yield how
    finally:
        _set(library, _AFTERWARDS)
        library.malloc_trim(0)


def _set(library: ctypes.CDLL, settings: dict[int, int]) -> None:
    for option, value in settings.items():
        assert library.mallopt(option, value) == 1, option
