"""What is in a store and which records refer to it. Looks only: nothing counts as used, nothing is locked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vtoncompress import record
from vtoncompress.store import KEY_DIGITS, MANIFEST, RESERVED, Artifact, Store

KEY = re.compile(rf"[0-9a-f]{{{KEY_DIGITS}}}")
UNFINISHED = re.compile(rf"\.({KEY.pattern})\.(building|removed)")


@dataclass(frozen=True)
class Item:
    """An artifact in the store.

    Attributes:
        artifact: which.
        bytes: of all files in its folder, the manifest's included.
        used: when it was last found or built, in seconds of ``time.time()``.
        manifest: None where it can't be read.
        whole: whether all files are there at their full length; their content is not looked at.
    """

    artifact: Artifact
    bytes: int
    used: float
    manifest: dict[str, Any] | None
    whole: bool

    @property
    def address(self) -> str:
        """As records name it."""
        return f"{self.artifact.stage}/{self.artifact.key}"

    @property
    def seconds(self) -> float | None:
        """What it took to build."""
        return None if self.manifest is None else self.manifest.get("seconds")

    @property
    def created(self) -> float:
        """When it was built, in seconds of ``time.time()``; of a damaged one, when it was last used."""
        try:
            return datetime.fromisoformat((self.manifest or {})["created"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return self.used


@dataclass(frozen=True)
class Leftover:
    """What is in the store and no artifact.

    Attributes:
        stage, key: what it belongs to.
        path: the folder.
        kind: ``building``, of a build that runs or was killed; ``removed``, of a removal that runs or was killed;
            ``work``, what an unfinished stage can continue from.
        bytes: of its files.
        changed: when a file in it was last written, in seconds of ``time.time()``.
    """

    stage: str
    key: str
    path: Path
    kind: str
    bytes: int
    changed: float


@dataclass(frozen=True)
class References:
    """What the records in the folders of results refer to.

    Attributes:
        records: number of readable ones.
        uses: stage/key -> number of records that refer to it.
        damaged: one line for each record that can't be read, and whose references are unknown.
    """

    records: int
    uses: Counter[str]
    damaged: list[str]


def items(store: Store) -> list[Item]:
    """All artifacts, damaged ones too, by stage and key."""
    found = []
    for stage in _stages(store):
        for folder in _folders(stage):
            if KEY.fullmatch(folder.name) and (item := read_item(Artifact(stage.name, folder.name, folder))):
                found.append(item)
    return found


def read_item(artifact: Artifact) -> Item | None:
    """One artifact; None where it is no longer there."""
    try:
        manifest = artifact.manifest()
    except (OSError, ValueError):
        manifest = None
    try:
        size, _ = measure(artifact.path)
        return Item(
            artifact, size, last_used(artifact), manifest if isinstance(manifest, dict) else None, artifact.is_whole()
        )
    except FileNotFoundError:
        return None


def last_used(artifact: Artifact) -> float:
    """When it was last found or built, in seconds of ``time.time()``. FileNotFoundError where it is gone."""
    manifest = artifact.path / MANIFEST
    return (manifest if manifest.exists() else artifact.path).stat().st_mtime


def leftovers(store: Store) -> list[Leftover]:
    """All else that takes room, by kind, stage and key."""
    found = []
    for stage in _stages(store):
        for folder in _folders(stage):
            if name := UNFINISHED.fullmatch(folder.name):
                found.append((stage.name, name[1], folder, name[2]))
    for stage in _folders(store.root / "work"):
        found += [(stage.name, folder.name, folder, "work") for folder in _folders(stage) if KEY.fullmatch(folder.name)]
    measured = []
    for stage_name, key, folder, kind in found:
        try:
            measured.append(Leftover(stage_name, key, folder, kind, *measure(folder)))
        except FileNotFoundError:
            continue  # its process has just gone on
    return sorted(measured, key=lambda one: (one.kind, one.stage, one.key))


def measure(folder: Path) -> tuple[int, float]:
    """Bytes of all files in a folder, and when the newest was written. FileNotFoundError where the folder is gone."""
    size, newest = 0, folder.stat().st_mtime
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if not path.is_dir():
            size += status.st_size
            newest = max(newest, status.st_mtime)
    return size, newest


def references(results: Sequence[Path]) -> References:
    """What the records below the folders ``results`` refer to.

    Raises:
        ValueError: one of them is no folder.
    """
    number, uses, damaged = 0, Counter[str](), list[str]()
    for folder in results:
        if not folder.is_dir():
            raise ValueError(f"results={folder} is no folder: say where the records are with results=FOLDER")
        for path in sorted(folder.glob(f"**/{record.FOLDER}/[!.]*.json")):
            try:
                uses.update(set(record.read(path).stages))
                number += 1
            except FileNotFoundError:
                continue  # a running sweep measures this variant again
            except (ValueError, OSError) as error:
                damaged.append(str(error))
    return References(number, uses, damaged)


def check_exists(store: Store) -> None:
    """ValueError where there is no store."""
    if not store.root.is_dir():
        raise ValueError(f"there is no store in {store.root}: run an experiment first, or give its store=FOLDER")


def _stages(store: Store) -> Iterator[Path]:
    return (folder for folder in _folders(store.root) if folder.name.isidentifier() and folder.name not in RESERVED)


def _folders(folder: Path) -> list[Path]:
    """Without links: what they lead to is not the store's."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
