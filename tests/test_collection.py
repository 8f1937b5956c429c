"""What is needed stays, whoever needs it and however long; what is not goes, used longest ago first."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vtoncompress import collection, fingerprint
from vtoncompress.collection import Collection, collect
from vtoncompress.inventory import items, leftovers
from vtoncompress.record import Record, write
from vtoncompress.store import Artifact, Store

CODE = ["vtoncompress.fingerprint"]
DAY = 86400.0
SIZE = 100_000  # that of an artifact's file; its manifest adds less than 2000
# A process that opens the store of its first argument and does what is put in.
PROCESS = """
import sys, time
from pathlib import Path
from vtoncompress.store import Store
root = Path(sys.argv[1])
store = Store(root)
def build(number, make):
    return store.build("pruning", {{"number": number}}, [], ["vtoncompress.fingerprint"], make)
def make(folder):
    (folder / "file").write_bytes(bytes({size}))
{body}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(Record(variant="other", stages=["pruning/" + "0" * 20]), tmp_path / "results" / "adhoc" / "one")
    return tmp_path / "store"


def make(folder: Path) -> None:
    (folder / "file").write_bytes(bytes(SIZE))


def build(root: Path, number: int, age: float = 0) -> Artifact:
    """An artifact that was used ``age`` seconds ago, by a process that is no more."""
    artifact = Store(root).build("pruning", {"number": number}, [], CODE, make)
    use(artifact, age)
    return artifact


def use(artifact: Artifact, age: float) -> None:
    os.utime(artifact.path / "manifest.json", (time.time() - age,) * 2)


def run(root: Path, max_size: int = 0, **options: Any) -> Collection:
    return collect(Store(root), [root.parent / "results"], max_size, **options)


def refer(root: Path, name: str, *artifacts: Artifact, experiment: str = "mine") -> Path:
    record = Record(variant=name, stages=[f"{one.stage}/{one.key}" for one in artifacts])
    return write(record, root.parent / "results" / experiment)


def left(root: Path) -> set[str]:
    return {item.artifact.key for item in items(Store(root))}


@contextmanager
def process(root: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    script = PROCESS.format(size=SIZE, body=body)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(root)],
        cwd=fingerprint.PACKAGE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as started:  # fmt: skip
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        try:
            yield started
        finally:
            started.send_signal(signal.SIGKILL)


def everything(root: Path) -> list[str]:
    return sorted(str(path) for path in root.rglob("*") if "locks" not in path.parts)


def test_used_longest_ago_goes_first(root: Path) -> None:
    artifacts = [build(root, number, age=(2 + number) * DAY) for number in range(5)]
    use(artifacts[4], 1.5 * DAY)
    done = run(root, max_size=int(3.5 * SIZE))
    assert left(root) == {artifacts[number].key for number in (0, 1, 4)}
    assert [name for name, _, _ in done.removed] == [f"pruning/{artifacts[number].key}" for number in (3, 2)]
    assert done.before == pytest.approx(5 * SIZE, abs=10_000)
    assert done.freed == pytest.approx(2 * SIZE, abs=4_000)
    assert done.after == sum(item.bytes for item in items(Store(root))) <= 3.5 * SIZE
    assert (done.referred, done.recent, done.busy) == (0, 0, 0)
    assert run(root, max_size=int(3.5 * SIZE)).removed == []
    # What went is built again like anything that was never there.
    assert build(root, 3).path.is_dir()


def test_finding_is_using(root: Path) -> None:
    first, second = build(root, 0, age=5 * DAY), build(root, 1, age=4 * DAY)
    before = time.time() - 1
    assert Store(root).find(first.stage, first.key) == first
    assert (first.path / "manifest.json").stat().st_mtime > before
    run(root, max_size=int(1.5 * SIZE))
    assert left(root) == {first.key}
    use(first, 5 * DAY)
    assert build(root, 0, age=3 * DAY) == first  # found again by a build, aged by the test
    items(Store(root))  # looking is no use
    assert (first.path / "manifest.json").stat().st_mtime < time.time() - 2 * DAY
    assert second.key not in left(root)


def test_what_a_record_refers_to_stays(root: Path) -> None:
    artifacts = [build(root, number, age=9 * DAY) for number in range(4)]
    refer(root, "first", artifacts[0])
    refer(root, "second", artifacts[0], artifacts[1])
    refer(root, "third", artifacts[2], experiment="adhoc/some")
    done = run(root)
    assert left(root) == {artifact.key for artifact in artifacts[:3]}
    assert done.records == 4
    assert done.referred == done.after == pytest.approx(3 * SIZE, abs=6_000)
    results = root.parent / "results"
    collect(Store(root), [results / "mine", results / "adhoc" / "some"], 0)
    assert left(root) == {artifact.key for artifact in artifacts[:3]}
    collect(Store(root), [results / "adhoc"], 0)
    assert left(root) == {artifacts[2].key}


def test_a_damaged_artifact_that_a_record_refers_to_stays(root: Path) -> None:
    referred, other = build(root, 0), build(root, 1)
    refer(root, "first", referred)
    for artifact in (referred, other):
        (artifact.path / "manifest.json").unlink()
    run(root, now=time.time() + 2 * DAY)
    assert left(root) == {referred.key}


def test_what_was_used_lately_stays(root: Path) -> None:
    old, young = build(root, 0, age=3 * DAY), build(root, 1, age=2 * DAY)
    done = run(root, min_age=2.5 * DAY)
    assert left(root) == {young.key}
    assert done.recent == done.after > SIZE
    run(root, min_age=0)
    assert left(root) == set()
    assert not old.path.exists()
    build(root, 2, age=5)  # clocks may differ by more than that
    assert run(root, min_age=0).removed == []


@pytest.mark.parametrize("experiment", ["mine", "adhoc/some"])
def test_a_damaged_record_stops_it(root: Path, experiment: str) -> None:
    artifact = build(root, 0, age=9 * DAY)
    path = refer(root, "first", artifact, experiment=experiment)
    text = path.read_text()
    (root / "pruning" / f".{artifact.key}.building").mkdir()
    before = everything(root)
    for damage in ("", text[:-10], "{}", text.replace('"first"', '"second"')):
        path.write_text(damage)
        with pytest.raises(ValueError, match=r"nothing was removed, .*first.json is damaged .* again"):
            run(root)
    assert everything(root) == before


def test_without_records_nothing_is_known(root: Path, tmp_path: Path) -> None:
    build(root, 0, age=9 * DAY)
    before = everything(root)
    for results, message in [
        ("nothing", "is no folder: .* results=FOLDER"),
        ("empty", "no record in .* results=FOLDER"),
    ]:
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=message):
            collect(Store(root), [tmp_path / "results", tmp_path / results][1:], 0)
    with pytest.raises(ValueError, match="is no folder"):
        collect(Store(root), [tmp_path / "results", tmp_path / "nothing"], 0)
    assert everything(root) == before


def test_a_dry_run_removes_nothing_and_says_the_same(root: Path) -> None:
    for number in range(4):
        build(root, number, age=(2 + number) * DAY)
    (root / "pruning" / f".{'1' * 20}.building").mkdir()
    before, now = everything(root), time.time()
    said = run(root, int(2.5 * SIZE), dry_run=True, now=now)
    assert everything(root) == before
    assert len(said.removed) == 3
    assert run(root, int(2.5 * SIZE), now=now) == said
    assert len(left(root)) == 2


def test_what_a_running_process_found_or_built_stays_however_long_it_runs(root: Path) -> None:
    found, other = build(root, 0, age=9 * DAY), build(root, 1, age=9 * DAY)
    body = f"""
assert store.find("pruning", "{found.key}")
print("ready", flush=True)
built = build(2, make)
print(built.key, flush=True)
time.sleep(60)
"""
    later = time.time() + 30 * DAY
    with process(root, body) as running:
        assert running.stdout is not None
        built = running.stdout.readline().strip()
        done = run(root, min_age=0, now=later)
        assert left(root) == {found.key, built}  # what it has not looked for may go
        assert done.recent == done.after
    assert not other.path.exists()
    assert len(run(root, min_age=0, now=later).removed) == 2
    assert left(root) == set()


def test_what_is_being_built_stays(root: Path) -> None:
    body = """
def slow(folder):
    make(folder)
    (store.work_folder("pruning", "{key}") / "checkpoint").write_bytes(bytes(10))
    print("ready", flush=True)
    time.sleep(60)
build(3, slow)
"""
    key = Store.key("pruning", {"number": 3}, [], CODE)
    later = time.time() + 30 * DAY
    building, work = root / "pruning" / f".{key}.building", root / "work" / "pruning" / key
    with process(root, body.format(key=key)):
        done = run(root, min_age=0, work_age=0, now=later)
        assert done.removed == []
        assert done.busy == SIZE + 10
        assert building.is_dir()
        assert work.is_dir()
    # Once it is dead, what it had written is worth nothing, but what it can go on from is.
    done = run(root, max_size=10**9, min_age=0)
    assert [name for name, _, _ in done.removed] == [f"pruning/.{key}.building"]
    assert (work / "checkpoint").is_file()


def test_an_artifact_whose_lock_is_held_stays(root: Path) -> None:
    artifact = build(root, 0, age=9 * DAY)
    with Store(root).lock_if_free(artifact.stage, artifact.key):
        done = run(root)
        assert done.removed == []
        assert done.busy == done.after > SIZE
    assert len(run(root).removed) == 1


@pytest.mark.parametrize("place", ["lock_if_free", "discard"])
def test_what_is_found_at_the_last_moment_stays(root: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Another process finds it after it was chosen: before it is looked at for the last time, and after."""
    chosen = build(root, 0, age=9 * DAY)
    other = Store(root)
    original: Callable[..., Any] = getattr(Store, place)

    def meanwhile(self: Store, *arguments: Any, **options: Any) -> Any:
        assert other.find(chosen.stage, chosen.key) is not None
        return original(self, *arguments, **options)

    monkeypatch.setattr(Store, place, meanwhile)
    done = run(root)
    assert done.removed == []
    assert done.recent == done.after > SIZE
    assert (chosen.path / "file").stat().st_size == SIZE


def test_nothing_is_found_while_it_is_taken_away(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time others may look, it is gone as a whole."""
    chosen = build(root, 0, age=9 * DAY)
    seen = []
    original = shutil.rmtree

    def look(path: Path, *arguments: Any, **options: Any) -> None:
        seen.append((path.name, Store(root).find(chosen.stage, chosen.key), chosen.path.exists()))
        original(path, *arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", look)
    run(root)
    assert seen == [(f".{chosen.key}.removed", None, False)]


def test_a_killed_collection_leaves_nothing_half(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = [build(root, number, age=(9 - number) * DAY) for number in range(2)]

    def killed(path: Path, *arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            run(root)
    assert left(root) == {artifacts[1].key}
    assert [(one.kind, one.key) for one in leftovers(Store(root))] == [("removed", artifacts[0].key)]
    assert build(root, 0, age=9 * DAY) == artifacts[0]
    done = run(root, max_size=10**9)  # whatever the limit, it is of no use
    assert [name for name, _, _ in done.removed] == [f"pruning/.{artifacts[0].key}.removed"]
    assert left(root) == {one.key for one in artifacts}


def work(root: Path, key: str, age: float) -> Path:
    folder = Store(root).work_folder("finetuning", key)
    (folder / "checkpoint").write_bytes(bytes(SIZE))
    for path in (folder / "checkpoint", folder):
        os.utime(path, (time.time() - age,) * 2)
    return folder


def test_work_that_can_be_continued(root: Path) -> None:
    young, old, older = (work(root, str(number) * 20, age * DAY) for number, age in enumerate((1, 8, 9)))
    artifact = build(root, 0, age=20 * DAY)
    # Before artifacts, the oldest first, and only as far as the limit asks.
    run(root, max_size=int(3.5 * SIZE))
    assert [folder.exists() for folder in (young, old, older)] == [True, True, False]
    run(root, max_size=int(2.5 * SIZE))
    assert [folder.exists() for folder in (young, old)] == [True, False]
    assert artifact.path.exists()
    done = run(root)
    assert not artifact.path.exists()
    assert young.exists()
    assert done.recent == SIZE
    run(root, work_age=DAY / 2)
    assert not young.exists()


def test_work_of_a_finished_stage_goes(root: Path) -> None:
    artifact = build(root, 0)
    folder = Store(root).work_folder(artifact.stage, artifact.key)
    (folder / "checkpoint").write_text("7")
    done = run(root, max_size=10**9)
    assert [name for name, _, _ in done.removed] == [f"work/pruning/{artifact.key}"]
    assert not folder.exists()
    assert artifact.path.exists()


def test_work_that_was_written_at_the_last_moment_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = work(root, "1" * 20, 30 * DAY)
    original = Store.lock_if_free

    def meanwhile(self: Store, *arguments: Any) -> Any:
        (folder / "checkpoint").write_text("8")
        return original(self, *arguments)

    monkeypatch.setattr(Store, "lock_if_free", meanwhile)
    assert run(root).removed == []
    assert (folder / "checkpoint").read_text() == "8"


def test_what_is_not_the_stores_stays(root: Path, tmp_path: Path) -> None:
    build(root, 0, age=9 * DAY)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(root / "pruning", elsewhere / "pruning")
    (root / "linked").symlink_to(elsewhere / "pruning")
    for name in ("notes.txt", "pruning/notes", "pruning/.notes.building", "not-a-stage/" + "0" * 20):
        (root / name).mkdir(parents=True)
        (root / name / "precious").write_text("")
    before = everything(elsewhere)
    run(root, min_age=0, work_age=0)
    assert left(root) == set()
    assert everything(elsewhere) == before
    assert len(list(root.glob("**/precious"))) == 4


READER = """
print("ready", flush=True)
again, end = 0, time.monotonic() + 3
while time.monotonic() < end:
    for number in range(4):
        store = Store(root)  # gives up what it used so far
        calls = []
        artifact = build(number, lambda folder: (calls.append(1), make(folder)))
        time.sleep(0.02)
        assert (artifact.path / "file").stat().st_size == {size}
        assert artifact.manifest()["bytes"] == {size}
        again += len(calls)
print("built", again, flush=True)
"""


def test_a_process_reads_what_it_found_while_another_collects_all_it_can(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "CLOCKS_SECONDS", 0.02)  # one clock, with a file system's grain
    removed = 0
    with process(root, READER.format(size=SIZE)) as running:
        while running.poll() is None:
            removed += len(run(root, min_age=0, now=time.time()).removed)
        assert running.stdout is not None
        built = running.stdout.read().split()
    assert running.returncode == 0
    assert removed > 10
    assert built == ["built", str(int(built[1]))]
    assert int(built[1]) >= removed


def test_two_collections_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts: Sequence[Artifact] = [build(root, number, age=9 * DAY) for number in range(2)]
    original = Store.lock_if_free
    inner: list[Collection] = []

    def meanwhile(self: Store, *arguments: Any) -> Any:
        if not inner:
            inner.append(Collection())
            inner[0] = run(root)
        return original(self, *arguments)

    monkeypatch.setattr(Store, "lock_if_free", meanwhile)
    outer = run(root)
    assert len(inner[0].removed) == len(artifacts)
    assert outer.removed == []
    assert left(root) == set()
