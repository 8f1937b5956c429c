"""Memory that a process holds and no longer needs once its network is compiled, given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

MAPS = Path("/proc/self/maps")
DONTNEED = 4  # of madvise, on Linux


def release(mapped: Path | None = None) -> None:
    """What compiling has freed and, of files in the folder ``mapped`` that are mapped into memory, the pages in memory.

    A network taken from OpenVINO's cache keeps the whole file mapped, though its layers have copies of their weights in
    the order that their kernels read. A page that is wanted all the same is read from the file again. Nothing is done
    where the system or its C library can't.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.malloc_trim(0)
        for begin, end in [] if mapped is None else _places(mapped.resolve()):
            library.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), DONTNEED)


def _places(folder: Path) -> list[tuple[int, int]]:
    """Where files of a folder are mapped for reading and shared: such a page holds nothing that is not in the file."""
    found = []
    for line in MAPS.read_text().splitlines():
        # address, permissions, offset, device, inode, path
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[1] == "r--s" and Path(fields[5]).parent == folder:
            begin, end = (int(address, 16) for address in fields[0].split("-"))
            found.append((begin, end))
    return found
