"""Nothing half-built is ever found, nothing is built twice, and every change gives another key."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vtoncompress import fingerprint
from vtoncompress.store import Artifact, Store, key_of

CODE = ["vtoncompress.fingerprint"]
CONFIG = {"ratio": 0.2, "scope": {"layers": ["a", "b"]}}
# A process that builds the same artifact as `build` below; its make() does what is left to `body`.
CHILD = """
import sys, time
from pathlib import Path
from vtoncompress.store import Store
store = Store(Path(sys.argv[1]))
arguments = {arguments!r}
key = store.key(*arguments)
def make(folder):
    (folder / "file").write_text("half")
{body}
    (folder / "file").write_text("whole")
artifact = store.build(*arguments, make)
print(artifact.path, flush=True)
"""
ARGUMENTS = ("pruning", CONFIG, ["input"], CODE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def whole(folder: Path) -> None:
    (folder / "file").write_text("whole")


def forbidden(folder: Path) -> None:
    raise AssertionError("built again")


def build(store: Store, make: Callable[[Path], None] = whole) -> Artifact:
    return store.build(*ARGUMENTS, make)


def child(store: Store, body: str, *arguments: object) -> "subprocess.Popen[str]":
    script = CHILD.format(arguments=ARGUMENTS, body=body)
    command = [sys.executable, "-c", script, str(store.root), *map(str, arguments)]
    return subprocess.Popen(command, cwd=fingerprint.PACKAGE.parent, stdout=subprocess.PIPE, text=True)


def left(store: Store) -> list[str]:
    """Every file and folder of the store but its locks."""
    paths = (path.relative_to(store.root).as_posix() for path in store.root.rglob("*"))
    return sorted(path for path in paths if not path.startswith("locks"))


def test_build_then_find(store: Store) -> None:
    key = store.key(*ARGUMENTS)
    assert len(key) == 20
    assert store.find("pruning", key) is None
    assert not store.root.exists()  # looking leaves no trace
    artifact = build(store)
    assert artifact == Artifact("pruning", key, store.root / "pruning" / key) == store.find("pruning", key)
    assert (artifact.path / "file").read_text() == "whole"
    assert build(store, forbidden) == artifact
    assert left(store) == ["pruning", *(f"pruning/{key}{name}" for name in ("", "/file", "/manifest.json"))]


def test_manifest(store: Store) -> None:
    def make(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "b.json").write_text("[1]")
        whole(folder)

    artifact = build(store, make)
    manifest = artifact.manifest()
    assert manifest == json.loads((artifact.path / "manifest.json").read_text())
    assert (manifest["stage"], manifest["key"]) == ("pruning", artifact.key)
    assert (manifest["config"], manifest["inputs"]) == (CONFIG, ["input"])
    assert manifest["code"] == fingerprint.module_hashes(CODE)
    assert list(manifest["files"]) == ["file", "sub/b.json"]
    assert manifest["files"]["file"]["sha256"] == fingerprint.file_hash(artifact.path / "file")
    assert manifest["bytes"] == 8
    assert manifest["seconds"] >= 0
    assert manifest["created"].endswith("+00:00")
    assert manifest["cpu"]
    assert artifact.json("sub/b.json") == [1]


@pytest.mark.parametrize(
    "changed",
    [
        {"stage": "export"},
        {"config": {**CONFIG, "ratio": 0.3}},
        {"config": {**CONFIG, "more": None}},
        {"config": {**CONFIG, "scope": {"layers": ["b", "a"]}}},
        {"inputs": ["other"]},
        {"inputs": ["input", "other"]},
        {"inputs": []},
        {"code": ["vtoncompress.store"]},
    ],
)
def test_a_change_gives_another_key(store: Store, changed: dict[str, Any]) -> None:
    arguments = dict(zip(["stage", "config", "inputs", "code"], ARGUMENTS, strict=True))
    assert store.key(**{**arguments, **changed}) != store.key(**arguments)  # type: ignore[arg-type]


def test_a_changed_line_gives_another_key_and_a_comment_does_not(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for number, text in enumerate(["X = 1", "X = 1  # one", "X = 2"]):
        package = tmp_path / str(number) / "toy"
        package.mkdir(parents=True)
        (package / "stage.py").write_text("from toy import helper")
        (package / "helper.py").write_text(text)
        monkeypatch.setattr(fingerprint, "PACKAGE", package)
        keys.append(store.key("pruning", CONFIG, [], ["toy.stage"]))
    assert keys[0] == keys[1] != keys[2]


def test_order_within_the_config_does_not_count(store: Store) -> None:
    reverse = dict(reversed(CONFIG.items()))
    assert store.key("pruning", reverse, ["input"], CODE) == store.key(*ARGUMENTS)


def test_a_key_needs_plain_json_and_real_modules(store: Store) -> None:
    with pytest.raises(TypeError):
        store.key("pruning", {"folder": Path()}, [], CODE)
    with pytest.raises(ValueError, match="JSON"):
        store.key("pruning", {"ratio": float("nan")}, [], CODE)
    with pytest.raises(ValueError, match="no module vtoncompress.nothing"):
        store.key("pruning", {}, [], ["vtoncompress.nothing"])


@pytest.mark.parametrize(
    "error", [RuntimeError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
)
def test_an_error_leaves_nothing(store: Store, error: BaseException) -> None:
    def make(folder: Path) -> None:
        whole(folder)
        raise error

    with pytest.raises(type(error)) as raised:
        build(store, make)
    assert raised.value is error
    assert left(store) == ["pruning"]
    assert build(store).manifest()["files"]  # the lock is free


def test_a_disk_that_is_full_when_the_manifest_is_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        build(store, lambda folder: (folder / "sub").mkdir())
    assert left(store) == ["pruning"]


def test_what_was_damaged_later_is_not_found_but_built_again(store: Store) -> None:
    for damage in [
        lambda folder: (folder / "file").write_text(""),
        lambda folder: (folder / "file").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text('{"files'),
        lambda folder: (folder / "manifest.json").write_text("[]"),
    ]:
        artifact = build(store)
        damage(artifact.path)
        assert store.find(artifact.stage, artifact.key) is None
        assert (build(store).path / "file").read_text() == "whole"


def test_a_killed_build_is_not_found_and_built_again(store: Store) -> None:
    body = '    (store.work_folder("pruning", key) / "checkpoint").write_text("7")\n    print("half", flush=True)\n'
    process = child(store, body + "    time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    key = store.key(*ARGUMENTS)
    assert f"pruning/.{key}.building/file" in left(store)
    assert store.find("pruning", key) is None

    def resume(folder: Path) -> None:
        assert not list(folder.iterdir())
        assert (store.work_folder("pruning", key) / "checkpoint").read_text() == "7"
        whole(folder)

    artifact = build(store, resume)
    assert left(store) == [
        "pruning",
        *(f"pruning/{key}{name}" for name in ("", "/file", "/manifest.json")),
        "work",
        "work/pruning",
    ]
    assert list(artifact.manifest()["files"]) == ["file"]


def test_the_work_folder_survives_an_error(store: Store) -> None:
    key = store.key(*ARGUMENTS)

    def make(folder: Path) -> None:
        (store.work_folder("pruning", key) / "checkpoint").write_text("7")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(store, make)
    checkpoint = store.work_folder("pruning", key) / "checkpoint"
    assert checkpoint.exists()
    build(store)
    assert not checkpoint.parent.exists()
    # Killed between the renaming and the tidying.
    store.work_folder("pruning", key)
    build(store, forbidden)
    assert not checkpoint.parent.exists()


def test_processes_build_once(store: Store, tmp_path: Path) -> None:
    count = tmp_path / "count"
    body = '    with open(sys.argv[2], "a") as file:\n        file.write("x")\n    time.sleep(0.5)\n'
    processes = [child(store, body, count) for _ in range(4)]
    paths = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert count.read_text() == "x"
    assert set(paths) == {str(store.root / "pruning" / store.key(*ARGUMENTS))}
    assert (Path(paths[0]) / "file").read_text() == "whole"


def test_a_build_within_a_build(store: Store) -> None:
    def outer(folder: Path) -> None:
        inner = store.build("data", {}, [], CODE, whole)
        (folder / "file").write_text(inner.key)

    artifact = build(store, outer)
    assert store.find("data", (artifact.path / "file").read_text()) is not None


def test_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in [tmp_path / "file", tmp_path / "file" / "store", Path("/proc/store")]:
        with pytest.raises(ValueError, match=r"can't be written .*store=/some/folder") as raised:
            build(Store(root), forbidden)
        assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_root_without_permission(store: Store) -> None:
    build(store)
    (store.root / "pruning").chmod(0o500)
    build(store, forbidden)  # reading is still possible
    try:
        with pytest.raises(ValueError, match=r"can't be written .*store=/some/folder"):
            store.build("pruning", {}, [], CODE, forbidden)
    finally:
        (store.root / "pruning").chmod(0o700)


def test_nothing_is_taken_away_while_it_is_being_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = build(store)
    original = Artifact.is_whole
    remover = threading.Thread(target=lambda: Store(store.root).discard(artifact.stage, artifact.key, artifact.path))

    def meanwhile(self: Artifact) -> bool:
        remover.start()
        time.sleep(0.2)
        return original(self)

    monkeypatch.setattr(Artifact, "is_whole", meanwhile)
    assert store.find(artifact.stage, artifact.key) == artifact
    remover.join()
    monkeypatch.undo()
    assert store.find(artifact.stage, artifact.key) is None
    assert left(store) == ["pruning"]


def test_what_someone_wants_is_not_taken_away(store: Store) -> None:
    artifact = build(store)
    assert not store.discard(artifact.stage, artifact.key, artifact.path, unless=lambda: True)
    assert store.find(artifact.stage, artifact.key) == artifact


def test_a_lock_is_free_or_not(store: Store) -> None:
    other = Store(store.root)
    with store.lock_if_free("pruning", "0") as free:
        assert free
        with other.lock_if_free("pruning", "0") as free_too:
            assert not free_too
        with other.lock_if_free("pruning", "1") as free_too:
            assert free_too
    with other.lock_if_free("pruning", "0") as free:
        assert free


def test_the_work_folder_is_removed_within_the_lock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the folder may be that of a process that builds the key again."""
    key = store.key(*ARGUMENTS)
    work = store.work_path("pruning", key)
    original, held = shutil.rmtree, []

    def look(path: Path, *arguments: Any, **options: Any) -> None:
        if path == work:
            with Store(store.root).lock_if_free("pruning", key) as free:
                held.append(not free)
        original(path, *arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", look)
    build(store, lambda folder: (whole(folder), store.work_folder("pruning", key))[0])
    store.work_folder("pruning", key)
    build(store, forbidden)
    assert held == [True, True]
    assert not work.exists()


def test_a_store_that_may_only_be_read(store: Store) -> None:
    """Root is never denied permission, so locks that can't be made stand for it."""
    artifact = build(store)
    copy = Store(store.root.with_name("copy"))
    shutil.copytree(store.root, copy.root, ignore=shutil.ignore_patterns("locks"))
    (copy.root / "locks").write_text("")
    found = copy.find(artifact.stage, artifact.key)
    assert found is not None
    assert (found.path / "file").read_text() == "whole"
    assert build(copy, forbidden) == found


def test_a_key_can_be_computed_from_the_manifest(store: Store) -> None:
    artifact = build(store)
    manifest = artifact.manifest()
    parts = ("stage", "config", "inputs", "code", "libraries")
    assert key_of(*(manifest[name] for name in parts)) == artifact.key
