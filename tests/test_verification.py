"""Whatever happens to a file of an artifact is found, and what is damaged can be built again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vtoncompress import fingerprint
from vtoncompress.store import Artifact, Store
from vtoncompress.verification import find_faults, verify

CODE = ["vtoncompress.fingerprint"]


def make(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "weights").write_bytes(b"0123456789")
    (folder / "text").write_text("whole")


def build(store: Store, number: int = 0) -> Artifact:
    return store.build("pruning", {"number": number, "ratio": 0.1, "names": ["ä"]}, ["input"], CODE, make)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def rewrite(artifact: Artifact, change: Callable[[dict[str, object]], object]) -> None:
    manifest = artifact.manifest()
    change(manifest)
    (artifact.path / "manifest.json").write_text(json.dumps(manifest))


def test_what_was_built_is_sound(store: Store) -> None:
    artifacts = [build(store, number) for number in range(2)]
    assert [find_faults(artifact) for artifact in artifacts] == [[], []]
    assert sorted(verdict.artifact.key for verdict in verify(store)) == sorted(artifact.key for artifact in artifacts)
    assert not any(verdict.faults for verdict in verify(store))


DAMAGE: dict[str, tuple[Callable[[Artifact], object], list[str]]] = {
    "a flipped bit": (
        lambda one: (one.path / "sub" / "weights").write_bytes(b"0123456799"), ["sub/weights has other content"],
    ),
    "a cut": (
        lambda one: (one.path / "sub" / "weights").write_bytes(b"01234"), ["sub/weights has 5 bytes rather than 10"],
    ),
    "a lost file": (lambda one: (one.path / "text").unlink(), ["text is missing"]),
    "a file too many": (lambda one: (one.path / "sub" / "more").write_text(""), ["sub/more is additional"]),
    "a link too many": (lambda one: (one.path / "more").symlink_to("/"), ["more is additional"]),
    "a lost manifest": (lambda one: (one.path / "manifest.json").unlink(), ["manifest.json can't be read (FileNot"]),
    "a cut manifest": (lambda one: os.truncate(one.path / "manifest.json", 50), ["manifest.json can't be read (JSON"]),
    "another manifest": (
        lambda one: rewrite(one, lambda it: it.update(config={})), ["manifest.json was changed: it describes pruning/"],
    ),
    "another code": (
        lambda one: rewrite(one, lambda it: it.update(code={})), ["manifest.json was changed: it describes pruning/"],
    ),
    "another hash": (
        lambda one: rewrite(one, lambda it: it["files"]["text"].update(sha256="0")), ["text has other content"],  # type: ignore[index]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_repaired(store: Store, name: str) -> None:
    damage, expected = DAMAGE[name]
    artifact, other = build(store), build(store, 1)
    damage(artifact)
    faults = find_faults(artifact)
    assert len(faults) == len(expected)
    assert all(fault.startswith(start) for fault, start in zip(faults, expected, strict=True))
    found = {verdict.artifact: verdict for verdict in verify(store)}
    assert found[artifact].faults == faults
    assert not found[artifact].removed
    assert found[other].faults == []
    assert artifact.path.exists()

    repaired = {verdict.artifact: verdict.removed for verdict in verify(store, repair=True)}
    assert repaired == {artifact: True, other: False}
    assert sorted(path.name for path in (store.root / "pruning").iterdir()) == [other.key]
    assert find_faults(build(store)) == []


def test_a_folder_without_its_right_name(store: Store) -> None:
    artifact = build(store)
    moved = artifact.path.rename(artifact.path.with_name("0" * 20))
    assert find_faults(Artifact("pruning", moved.name, moved)) == [
        f"manifest.json was changed: it describes pruning/{artifact.key}"
    ]


def test_what_is_being_built_is_left_alone(store: Store) -> None:
    artifact = build(store)
    (artifact.path / "text").unlink()
    with Store(store.root).lock_if_free(artifact.stage, artifact.key) as free:
        assert free
        assert list(verify(store, repair=True)) == []
    assert artifact.path.exists()


def test_hashing_streams(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of any size: none is read as a whole."""
    artifact = build(store)

    def refuse(self: Path) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert find_faults(artifact) == []
    assert fingerprint.file_hash(artifact.path / "text") == artifact.manifest()["files"]["text"]["sha256"]


def test_a_file_that_cannot_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = build(store)

    def broken(path: Path) -> str:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(fingerprint, "file_hash", broken)
    assert find_faults(artifact) == [
        "sub/weights can't be read (Input/output error)", "text can't be read (Input/output error)",
    ]  # fmt: skip


def test_a_store_that_may_only_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is never denied permission, so a lock that can't be made stands for it."""
    artifact = build(store)
    (artifact.path / "text").unlink()
    for path in (store.root / "locks").iterdir():
        path.unlink()
    (store.root / "locks").rmdir()
    (store.root / "locks").write_text("")
    assert [verdict.faults for verdict in verify(store)] == [["text is missing"]]
    with pytest.raises(ValueError, match="can't be written"):
        list(verify(store, repair=True))
    assert artifact.path.exists()
