"""Whether the artifacts of a store are still what was built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vtoncompress import fingerprint
from vtoncompress.inventory import items
from vtoncompress.store import MANIFEST, Artifact, Store, key_of


@dataclass(frozen=True)
class Verdict:
    """What was found of one artifact.

    Attributes:
        artifact: which.
        faults: what is wrong, one line each; empty for a sound one.
        removed: whether it was taken away, to be built again.
    """

    artifact: Artifact
    faults: list[str]
    removed: bool = False


def verify(store: Store, repair: bool = False) -> Iterator[Verdict]:
    """Hash every file of every artifact again, one verdict an artifact.

    What a running process builds or removes meanwhile is not taken for damage. A damaged artifact is removed even where
    a process has found it: that one fails with a missing file, where it would have computed with wrong bytes.

    Args:
        store: which.
        repair: whether to remove damaged artifacts.

    Raises:
        ValueError: one can't be removed.
    """
    for item in items(store):
        verdict = _verify(store, item.artifact, repair) if find_faults(item.artifact) else Verdict(item.artifact, [])
        if verdict is not None:
            yield verdict


def _verify(store: Store, artifact: Artifact, repair: bool) -> Verdict | None:
    """Look again while nobody builds or removes it: it may have been in the making. None where somebody does."""
    try:
        with store.lock_if_free(artifact.stage, artifact.key) as free:
            if not free or not artifact.path.exists():
                return None
            faults = find_faults(artifact)
            if faults and repair:
                store.discard(artifact.stage, artifact.key, artifact.path)
            return Verdict(artifact, faults, removed=bool(faults) and repair)
    except ValueError:
        if repair:
            raise
        return Verdict(artifact, find_faults(artifact))  # in a store that we may only read


def find_faults(artifact: Artifact, hashed: Callable[[Path], str] | None = None) -> list[str]:
    """What is missing, changed or additional, one line each; reads every file as a stream.

    Args:
        artifact: which.
        hashed: gives a file's SHA-256; reads it if not given.
    """
    hashed = hashed or fingerprint.file_hash
    try:
        manifest = artifact.manifest()
        files = {name: (file["bytes"], file["sha256"]) for name, file in manifest["files"].items()}
        stage, config, inputs, code = (manifest[name] for name in ("stage", "config", "inputs", "code"))
        key = key_of(stage, config, inputs, code, manifest.get("libraries", {}))  # none before versions counted
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{MANIFEST} can't be read ({type(error).__name__}: {error})"]
    faults = []
    if (manifest["stage"], key) != (artifact.stage, artifact.key):
        faults.append(f"{MANIFEST} was changed: it describes {manifest['stage']}/{key}")
    for name, (size, digest) in files.items():
        path = artifact.path / name
        try:
            if not path.is_file():
                faults.append(f"{name} is missing")
            elif path.stat().st_size != size:
                faults.append(f"{name} has {path.stat().st_size} bytes rather than {size}")
            elif hashed(path) != digest:
                faults.append(f"{name} has other content")
        except OSError as error:  # of a dying disk, too
            faults.append(f"{name} can't be read ({error.strerror})")
    there = (path for path in sorted(artifact.path.rglob("*")) if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(artifact.path).as_posix() for path in there)
    return faults + [f"{name} is additional" for name in names if name not in files and name != MANIFEST]
