"""Artifacts of finished stages, each under a key that hashes the stage's config, inputs and code.

    root/<stage>/<key>/          an artifact: its files and manifest.json, never half-built
    root/<stage>/.<key>.building what is being built, or what a killed process left of it
    root/work/<stage>/<key>/     what a stage under way keeps to continue from, such as training checkpoints
    root/locks/                  one lock a key; the files stay, the kernel frees a lock when its process dies

So a killed sweep goes on where it stopped, variants share what they have in common, two processes never build the same
thing twice, and a changed line of code or config never reuses an old result.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vtoncompress import fingerprint

MANIFEST = "manifest.json"
FORMAT = 1
KEY_DIGITS = 20
RESERVED = ("locks", "work")
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """What a finished stage left: files in a folder, to be read and never written."""

    stage: str
    key: str
    path: Path

    def json(self, name: str) -> Any:
        """The content of the JSON file ``name`` in the folder."""
        return json.loads((self.path / name).read_text())

    def manifest(self) -> dict[str, Any]:
        """Where the artifact came from: config, inputs, code, ``seconds``, ``bytes``, hashes, time and CPU."""
        manifest: dict[str, Any] = self.json(MANIFEST)
        return manifest


class Store:
    """Finished stages in a folder, which several processes may use at once.

    Args:
        root: made when the first artifact is built.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).expanduser().absolute()  # absolute: a job may change its directory

    def key(self, stage: str, config: Mapping[str, Any], inputs: Sequence[str], code: Sequence[str]) -> str:
        """The name of a stage's result, 20 hex digits.

        Args:
            stage: such as ``pruning``.
            config: everything that the result depends on and that is neither input nor code; plain JSON.
            inputs: keys of the artifacts, or hashes of the files (``fingerprint.file_hash``), that the stage reads.
            code: the modules that do the work; what they import counts as well.

        Raises:
            ValueError: a module in ``code`` does not exist, or ``config`` holds a number that is not finite.
        """
        assert stage.isidentifier(), stage
        assert stage not in RESERVED, stage
        assert not isinstance(inputs, str), "inputs come in a list"
        content = {"stage": stage, "config": dict(config), "inputs": list(inputs), "code": fingerprint.code_hash(code)}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_DIGITS]

    def find(self, stage: str, key: str) -> Artifact | None:
        """The finished artifact; None where there is none, or where a file of it is missing or was cut short."""
        artifact = Artifact(stage, key, self.root / stage / key)
        try:
            files = artifact.manifest()["files"]
            whole = all((artifact.path / name).stat().st_size == file["bytes"] for name, file in files.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return artifact if whole else None

    def work_folder(self, stage: str, key: str) -> Path:
        """A folder that outlives a kill or an error while ``key`` is built, made if missing; removed once it is built.

        Only the function that builds ``key`` may use it, because only that one holds its lock.
        """
        folder = self._work(stage, key)
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def build(
        self,
        stage: str,
        config: Mapping[str, Any],
        inputs: Sequence[str],
        code: Sequence[str],
        make: Callable[[Path], None],
    ) -> Artifact:
        """The artifact of this config, these inputs and this code: the one in the store, or a new one.

        While another process builds it, this one waits. When ``make`` raises, nothing is left but its work folder.

        Args:
            stage: with ``config``, ``inputs`` and ``code`` as for :meth:`key`.
            make: writes the files into the empty folder it is given, which is renamed afterwards: no file may hold
                its path.

        Raises:
            ValueError: the store can't be written.
        """
        key = self.key(stage, config, inputs, code)
        artifact = self.find(stage, key)
        if artifact is None:
            with self._locked(stage, key):
                artifact = self.find(stage, key)  # another process may have built it meanwhile
                if artifact is None:
                    source = {"config": dict(config), "inputs": list(inputs), "code": fingerprint.module_hashes(code)}
                    artifact = self._build(stage, key, source, make)
        # Here and not only after building: the process that built it may have been killed before it came to this.
        shutil.rmtree(self._work(stage, key), ignore_errors=True)
        return artifact

    def _build(self, stage: str, key: str, source: dict[str, Any], make: Callable[[Path], None]) -> Artifact:
        folder, building = self.root / stage / key, self.root / stage / f".{key}.building"
        with self._explained():
            for leftover in (building, folder):  # of a killed process; damaged, or `find` would have returned it
                if leftover.exists():
                    shutil.rmtree(leftover)
            building.mkdir()
        try:
            start = time.perf_counter()
            make(building)
            seconds = time.perf_counter() - start
            assert not (building / MANIFEST).exists(), f"{MANIFEST} is the store's own"
            files = _save_files(building)
            manifest = {
                "format": FORMAT,
                "stage": stage,
                "key": key,
                **source,
                "seconds": round(seconds, 3),
                "bytes": sum(file["bytes"] for file in files.values()),
                "files": files,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "cpu": _cpu(),
            }
            (building / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
            _save(building / MANIFEST)
            _save_folder(building)
            building.rename(folder)
        except BaseException:  # Ctrl-C and a full disk too
            shutil.rmtree(building, ignore_errors=True)
            raise
        _save_folder(folder.parent)
        return Artifact(stage, key, folder)

    def _work(self, stage: str, key: str) -> Path:
        return self.root / "work" / stage / key

    @contextmanager
    def _locked(self, stage: str, key: str) -> Iterator[None]:
        lock = FileLock(self.root / "locks" / f"{stage}.{key}.lock")
        with self._explained():
            for folder in (self.root / "locks", self.root / stage):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            try:
                lock.acquire(blocking=False)
            except Timeout:
                LOG.info("waiting for another process that builds %s %s", stage, key)
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """One line with its remedy for a folder that can't be written."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise ValueError(
                f"the store {self.root} can't be written ({reason}): choose another folder with store=/some/folder"
            ) from error


def _save_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Force what ``make`` wrote onto the disk and return {path within the folder: its bytes and sha256}."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            _save_folder(path)
        else:
            _save(path)
            size = path.stat().st_size
            files[path.relative_to(folder).as_posix()] = {"bytes": size, "sha256": fingerprint.file_hash(path)}
    return files


def _save(path: Path) -> None:
    """Without this a power cut after the renaming could leave files that are there but empty."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _save_folder(folder: Path) -> None:
    try:
        _save(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems can't do this for folders
            raise


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
