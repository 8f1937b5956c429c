"""Artifacts of finished stages, each under a key that hashes the stage's config, inputs, code and libraries.

    root/<stage>/<key>/          an artifact: its files and manifest.json, never half-built
    root/<stage>/.<key>.building what is being built, or what a killed process left of it
    root/work/<stage>/<key>/     what a stage under way keeps to continue from, such as training checkpoints
    root/<stage>/.<key>.removed  what is being removed, or what a killed process left of it
    root/locks/                  one lock a key; the files stay, the kernel frees a lock when its process dies

So a killed sweep goes on where it stopped, variants share what they have in common, two processes never build the same
thing twice, and a changed line of code or config never reuses an old result. Finding an artifact touches its manifest,
which is how :mod:`vtoncompress.collection` knows what was used last.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vtoncompress import fingerprint
from vtoncompress.durability import save, save_files, save_folder
from vtoncompress.environment import cpu_name
from vtoncompress.lease import Lease

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

    def is_whole(self) -> bool:
        """Whether every file is there with all its bytes. What they hold is not looked at."""
        try:
            files = self.manifest()["files"]
            return all((self.path / name).stat().st_size == file["bytes"] for name, file in files.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False


class Store:
    """Finished stages in a folder, which several processes may use at once.

    Args:
        root: made when the first artifact is built.

    Attributes:
        waited: seconds, for other processes that built something.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).expanduser().absolute()  # absolute: a job may change its directory
        self.lease = Lease(self.root / "locks")
        self.waited = 0.0

    @staticmethod
    def key(stage: str, config: Mapping[str, Any], inputs: Sequence[str], code: Sequence[str]) -> str:
        """The name of a stage's result, 20 hex digits.

        Args:
            stage: such as ``pruning``.
            config: everything that the result depends on and that is neither input nor code; plain JSON.
            inputs: keys of the artifacts, or hashes of the files (``fingerprint.file_hash``), that the stage reads.
            code: the modules that do the work; what they import counts as well, with the versions of libraries.

        Raises:
            ValueError: a module in ``code`` does not exist, or ``config`` holds a number that is not finite.
        """
        assert stage.isidentifier(), stage
        assert stage not in RESERVED, stage
        assert not isinstance(inputs, str), "inputs come in a list"
        return key_of(stage, config, inputs, fingerprint.module_hashes(code), fingerprint.libraries(code))

    def find(self, stage: str, key: str) -> Artifact | None:
        """The finished artifact; None where there is none, or where a file of it is missing or was cut short.

        What was found is not collected as long as this object lives, unless the process may only read the store.
        """
        artifact = self.artifact(stage, key)
        if not (artifact.path / MANIFEST).exists():
            return None
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(self.lease.gate())
                self.lease.take()
                os.utime(artifact.path / MANIFEST)
            return artifact if artifact.is_whole() else None

    def artifact(self, stage: str, key: str) -> Artifact:
        """Where the artifact is, or would be."""
        return Artifact(stage, key, self.root / stage / key)

    def work_folder(self, stage: str, key: str) -> Path:
        """A folder that outlives a kill or an error while ``key`` is built, made if missing; removed once it is built.

        Only the function that builds ``key`` may use it, because only that one holds its lock.
        """
        folder = self.work_path(stage, key)
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
        # The process that built it may have been killed before it removed the work folder.
        if artifact is None or self.work_path(stage, key).exists():
            with self._locked(stage, key):
                artifact = self.find(stage, key)  # another process may have built it meanwhile
                if artifact is None:
                    source = {
                        "config": dict(config), "inputs": list(inputs), "code": fingerprint.module_hashes(code),
                        "libraries": fingerprint.libraries(code),
                    }  # fmt: skip
                    artifact = self._build(stage, key, source, make)
                # Within the lock: without it the folder may be that of a process that builds it again.
                shutil.rmtree(self.work_path(stage, key), ignore_errors=True)
        return artifact

    @contextmanager
    def lock_if_free(self, stage: str, key: str) -> Iterator[bool]:
        """Whether nobody builds ``key``; if so, nobody does within the ``with`` either.

        Raises:
            ValueError: the store can't be written.
        """
        lock = self._lock(stage, key)
        with self._explained():
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
            with suppress(Timeout):
                lock.acquire(blocking=False)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def discard(self, stage: str, key: str, path: Path, unless: Callable[[], bool] = lambda: False) -> bool:
        """Remove a folder that belongs to ``key``, for others at once. Only for who has its lock.

        Args:
            stage, key: as in :meth:`find`.
            path: an artifact, a work folder or what a killed process left.
            unless: asked while nobody can find anything; where it says True the folder stays.

        Returns:
            Whether it was removed.

        Raises:
            ValueError: the store can't be written.
        """
        removed = self.root / stage / f".{key}.removed"
        with self._explained():
            if removed.exists():  # of a killed process, or what is to be removed
                shutil.rmtree(removed)
            if path != removed:
                removed.parent.mkdir(parents=True, exist_ok=True)  # a work folder may be all that a stage has
                with self.lease.gate():
                    if unless():
                        return False
                    path.rename(removed)
                shutil.rmtree(removed)
        return True

    def discard_damaged(self, artifact: Artifact, is_damaged: Callable[[], bool]) -> None:
        """Remove an artifact, if it is still damaged once nobody builds it: another process may have found it first.

        Raises:
            ValueError: the store can't be written.
        """
        with self._locked(artifact.stage, artifact.key):
            if artifact.path.exists() and is_damaged():
                self.discard(artifact.stage, artifact.key, artifact.path)

    def work_path(self, stage: str, key: str) -> Path:
        """Where :meth:`work_folder` is, or would be."""
        return self.root / "work" / stage / key

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
            files = save_files(building)
            manifest = {
                "format": FORMAT,
                "stage": stage,
                "key": key,
                **source,
                "seconds": round(seconds, 3),
                "bytes": sum(file["bytes"] for file in files.values()),
                "files": files,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "cpu": cpu_name(),
            }
            (building / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
            save(building / MANIFEST)
            save_folder(building)
            building.rename(folder)
        except BaseException:  # Ctrl-C and a full disk too
            shutil.rmtree(building, ignore_errors=True)
            raise
        save_folder(folder.parent)
        return Artifact(stage, key, folder)

    def _lock(self, stage: str, key: str) -> FileLock:
        return FileLock(self.root / "locks" / f"{stage}.{key}.lock", fallback_to_soft=False)

    @contextmanager
    def _locked(self, stage: str, key: str) -> Iterator[None]:
        lock = self._lock(stage, key)
        with self._explained():
            for folder in (self.root / "locks", self.root / stage):
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            with self.lease.gate():
                self.lease.take()  # before anything is built, so that what comes out of it is safe as well
            try:
                lock.acquire(blocking=False)
            except Timeout:
                LOG.info("waiting for another process that builds %s %s", stage, key)
                begun = time.perf_counter()
                lock.acquire()
                self.waited += time.perf_counter() - begun
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


def key_of(
    stage: str, config: Mapping[str, Any], inputs: Sequence[str], code: Mapping[str, str], libraries: Mapping[str, str]
) -> str:
    """As :meth:`Store.key`, but from a manifest's fields: ``code`` holds the modules' hashes, libraries versions."""
    code_hash = hashlib.sha256(json.dumps(dict(code), sort_keys=True).encode()).hexdigest()
    content = {"stage": stage, "config": dict(config), "inputs": list(inputs), "code": code_hash}
    if libraries:
        content["libraries"] = dict(libraries)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_DIGITS]
