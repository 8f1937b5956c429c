"""Files that survive a power cut: forced onto the disk before anything says that they are there."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from vtoncompress import fingerprint


def save_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Force what is in ``folder`` onto the disk; {path within it: its bytes and sha256}."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            save_folder(path)
        else:
            save(path)
            size = path.stat().st_size
            files[path.relative_to(folder).as_posix()] = {"bytes": size, "sha256": fingerprint.known_hash(path)}
    return files


def save(path: Path) -> None:
    """Without this a power cut after the renaming could leave files that are there but empty."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_folder(folder: Path) -> None:
    """The names in a folder, where the file system can do that."""
    try:
        save(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems can't do this for folders
            raise
