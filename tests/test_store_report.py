"""What is in a store, read without touching it, and said so that nothing is cut off."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from vtoncompress.collection import Collection
from vtoncompress.inventory import items, leftovers, references
from vtoncompress.record import Record, write
from vtoncompress.store import Artifact, Store
from vtoncompress.store_report import print_collection, print_inventory

CODE = ["vtoncompress.fingerprint"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "results").mkdir()
    return Store(tmp_path / "store")


def build(store: Store, stage: str, number: int = 0) -> Artifact:
    return store.build(stage, {"number": number}, [], CODE, lambda folder: _write(folder / "file", 1000))


def _write(path: Path, size: int) -> None:
    path.write_bytes(bytes(size))


def listed(store: Store, width: int = 120) -> str:
    out = io.StringIO()
    found = references([store.root.parent / "results"])
    print_inventory(items(store), leftovers(store), found, Console(file=out, width=width))
    return out.getvalue()


def test_references_are_counted_once_a_record(store: Store, tmp_path: Path) -> None:
    artifact, other = build(store, "model"), build(store, "pruning")
    for name in ("first", "second"):
        write(Record(variant=name, stages=[f"model/{artifact.key}"] * 2), tmp_path / "results" / "adhoc" / name)
    found = references([tmp_path / "results"])
    assert found.records == 2
    assert (found.uses[f"model/{artifact.key}"], found.uses[f"pruning/{other.key}"]) == (2, 0)
    (tmp_path / "results" / "adhoc" / "first" / "records" / ".first.json.7.part").write_text("half")
    assert references([tmp_path / "results"]) == found


def test_a_damaged_record_is_told_and_not_counted(store: Store, tmp_path: Path) -> None:
    artifact = build(store, "model")
    path = write(Record(variant="first", stages=[f"model/{artifact.key}"]), tmp_path / "results" / "mine")
    assert listed(store).splitlines()[1].split()[-1] == "1"
    path.write_text("half")
    out = listed(store)
    assert out.splitlines()[1].split()[-1] == "–"
    assert f"not counted: {path} is damaged" in out


def test_stages_stand_in_the_order_of_the_flow(store: Store) -> None:
    for stage in ("subject", "another", "finetuning", "model"):
        build(store, stage)
    lines = listed(store).splitlines()[1:5]
    assert [line.split()[0] for line in lines] == ["model", "finetuning", "subject", "another"]


def test_damaged_artifacts_are_listed(store: Store) -> None:
    for number, damage in enumerate((b"", b'{"files', b"[]", b"{}")):
        (build(store, "model", number).path / "manifest.json").write_bytes(damage)
    whole = build(store, "model", 9)
    (build(store, "model", 10).path / "file").unlink()
    assert {item.artifact.key for item in items(store) if item.whole} == {whole.key}
    out = listed(store)
    assert [line.split()[-1] for line in out.splitlines()[1:7]].count("damaged") == 5
    assert "5 are damaged and will be built again; action=verify says more" in out


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(store: Store, width: int) -> None:
    artifact = build(store, "deployment")
    work = store.work_folder("finetuning", "1" * 20)
    _write(work / "checkpoint", 123_400)
    out = listed(store, width)
    assert "…" not in out
    assert artifact.key in out
    assert f"finetuning/{'1' * 20}" in out
    assert "123.4 kB" in out


def test_what_stands_in_the_way_of_the_limit() -> None:
    out = io.StringIO()
    done = Collection(9000, [("model/1", 1000, 7200.0)], referred=5000, recent=2000, busy=1000, records=3)
    print_collection(done, 4000, dry_run=False, console=Console(file=out, width=300))
    assert out.getvalue().splitlines() == [
        "removed model/1, 1.0 kB, unused for 2 h",
        "freed 1.0 kB of 9.0 kB: 8.0 kB are left",
        "the limit of 4.0 kB can't be reached: 5.0 kB that the 3 records refer to; "
        "2.0 kB used lately or by a running process (min_age, work_age); 1.0 kB being built",
    ]
    out.seek(0)
    out.truncate()
    print_collection(done, 8000, dry_run=True, console=Console(file=out, width=300))
    assert out.getvalue().splitlines() == [
        "would remove model/1, 1.0 kB, unused for 2 h", "would free 1.0 kB of 9.0 kB: 8.0 kB would be left",
    ]  # fmt: skip
