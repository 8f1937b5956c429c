"""Every reason why a stage would be built again is found and named, and no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vtoncompress import fingerprint
from vtoncompress.pipeline import Stage
from vtoncompress.rebuild import explain, restore_paths, stages_of
from vtoncompress.record import Record
from vtoncompress.store import Artifact, Store

STAGE = "from toy import helper\n"
MACHINE = {"cpu": "A", "threads_available": 2, "versions": {"torch": "2.13.0"}}
Package = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package named toy the one whose code counts."""
    number = iter(range(99))

    def make(stage: str = STAGE, **modules: str) -> None:
        folder = tmp_path / f"code{next(number)}" / "toy"
        folder.mkdir(parents=True)
        for name, text in {"stage": stage, "helper": "X = 1", **modules}.items():
            (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(fingerprint, "PACKAGE", folder)

    make()
    return make


def chain(
    weights: Path,
    ratio: float = 0.2,
    seed: int = 0,
    machine: Mapping[str, Any] = MACHINE,
    metrics: Mapping[str, Any] | None = None,
) -> tuple[Stage, ...]:
    """Three stages, the last of them timed."""
    model = Stage("model", "toy.stage:make", {"seed": seed}, files=(weights,))
    pruned = Stage("pruning", "toy.stage:make", {"pruning": {"ratio": ratio, "steps": 1}}, (model,))
    timed = Stage(
        "subject", "toy.stage:make", {"metric": metrics or {"speed": {}}, "machine": machine}, (model, pruned)
    )
    return model, pruned, timed


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_text("weights")
    return path


def make(folder: Path) -> None:
    (folder / "file").write_text("whole")


def build(store: Store, stages: tuple[Stage, ...]) -> list[str]:
    """Build the stages and return what a record says of them."""
    for stage in stages:
        store.build(stage.name, stage.config, stage.input_keys, stage.code, make)
    return [stage.address for stage in stages]


def reasons(store: Store, stages: tuple[Stage, ...], recorded: list[str]) -> dict[str, list[str] | None]:
    """By stage, None for what is cached."""
    return {one.stage.name: None if one.cached else one.reasons for one in explain(stages, recorded, store)}


def test_nothing_changed(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    assert reasons(store, chain(weights), recorded) == {"model": None, "pruning": None, "subject": None}


def test_a_changed_config(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    now = chain(weights, ratio=0.4)
    before = chain(weights)[1].key
    assert reasons(store, now, recorded) == {
        "model": None,
        "pruning": ["config: pruning.ratio 0.2 -> 0.4"],
        "subject": [f"input: pruning is another, {before} -> {now[1].key}"],
    }


@pytest.mark.parametrize(
    "old, new, line",
    [
        (1, 1.0, "config: pruning.ratio 1 -> 1.0"),
        (1, True, "config: pruning.ratio 1 -> true"),
        ([1, 2], [2, 1], "config: pruning.ratio [1, 2] -> [2, 1]"),
        ({"a": 1}, {"b": 1}, "config: pruning.ratio.a is gone, was 1"),
        ({"a": 1}, {"b": 1}, "config: pruning.ratio.b is new: 1"),
        ({}, {"b": None}, "config: pruning.ratio is gone, was {}"),
        ({}, {"b": None}, "config: pruning.ratio.b is new: null"),
        ("a", "b" * 99, f'config: pruning.ratio "a" -> "{"b" * 56}...'),
    ],
)
def test_every_difference_that_gives_another_key(
    store: Store, package: Package, weights: Path, old: Any, new: Any, line: str
) -> None:
    recorded = build(store, chain(weights, ratio=old))
    assert line in (reasons(store, chain(weights, ratio=new), recorded)["pruning"] or [])


def test_changed_code(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    package(helper="X = 2")
    found = reasons(store, chain(weights), recorded)
    assert found["model"] == ["code: toy.helper changed"]
    assert (found["pruning"] or [])[0] == "code: toy.helper changed"
    package(stage="from toy import another", another="Y = 1")
    assert reasons(store, chain(weights), recorded)["model"] == [
        "code: toy.another is now imported", "code: toy.helper is no longer imported", "code: toy.stage changed",
    ]  # fmt: skip
    package(helper="X = 1  # a comment")
    assert reasons(store, chain(weights), recorded)["model"] is None


def test_another_version_of_a_library(
    store: Store, package: Package, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rebuilds what imports the library, and nothing else."""
    versions = {"nncf": "3.4.0", "torch": "2.13.0"}
    monkeypatch.setattr(fingerprint, "library_version", versions.get)
    package(stage="import torch", quantizing="def f():\n    import nncf, onnx", other="import torch")
    stages = lambda: [Stage(name, f"toy.{name}:make", {}) for name in ("quantizing", "stage", "other")]  # noqa: E731
    recorded = build(store, (*stages(),))
    assert reasons(store, (*stages(),), recorded) == dict.fromkeys(("quantizing", "stage", "other"))
    versions |= {"nncf": "3.5.0", "onnx": "1.0"}
    assert reasons(store, (*stages(),), recorded) == {
        "quantizing": ["library: nncf 3.4.0 -> 3.5.0", "library: onnx not recorded -> 1.0"],
        "stage": None, "other": None,
    }  # fmt: skip
    del versions["torch"]
    assert reasons(store, (*stages(),), recorded)["stage"] == ["library: torch 2.13.0 -> not used any more"]


def test_a_changed_file(store: Store, package: Package, weights: Path, tmp_path: Path) -> None:
    recorded = build(store, chain(weights))
    before = chain(weights)[0].key
    weights.write_text("others")
    now = chain(weights)
    found = reasons(store, now, recorded)
    assert found["model"] == ["input: file weights.safetensors is new or has other content"]
    assert found["pruning"] == [f"input: model is another, {before} -> {now[0].key}"]
    weights.write_text("weights")
    (tmp_path / "more").write_text("more")
    model = chain(weights)[0]
    with_more = replace(model, files=(weights, tmp_path / "more"))
    assert reasons(store, (with_more,), recorded)["model"] == ["input: file more is new or has other content"]
    assert reasons(store, (replace(model, files=()),), recorded)["model"] == ["input: 1 file is no longer read"]


def test_another_machine(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    other = {"cpu": "B", "threads_available": 4, "versions": {"torch": "2.14.0"}}
    assert reasons(store, chain(weights, machine=other), recorded) == {
        "model": None,
        "pruning": None,
        "subject": [
            'machine: cpu "A" -> "B"', "machine: threads_available 2 -> 4",
            'machine: versions.torch "2.13.0" -> "2.14.0"',
        ],
    }  # fmt: skip


def test_an_artifact_that_is_gone(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    shutil.rmtree(store.root / recorded[1])
    gone = ["nothing changed, but this store does not have it"]
    assert reasons(store, chain(weights), recorded) == {"model": None, "pruning": gone, "subject": None}
    # What it would be compared with is gone too: the nearest says as much as can be said.
    build(store, chain(weights, ratio=0.3, seed=0)[:2])
    build(store, chain(weights, ratio=0.9, seed=7)[:2])
    nearest = chain(weights, ratio=0.3)[1].address
    assert reasons(store, chain(weights, ratio=0.4), recorded)["pruning"] == [
        f"the recorded artifact is gone; compared with the nearest, {nearest}:", "config: pruning.ratio 0.3 -> 0.4",
    ]  # fmt: skip


def test_a_store_that_has_nothing(store: Store, package: Package, weights: Path) -> None:
    nothing = ["it was not built here, or is gone, and so is all that it could be compared with"]
    stages = chain(weights)
    assert reasons(store, stages, []) == dict.fromkeys(("model", "pruning", "subject"), nothing)
    gone = ["nothing changed, but this store does not have it"]
    assert reasons(store, stages, [stage.address for stage in stages])["model"] == gone
    assert not store.root.exists()


def test_a_damaged_artifact(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    (store.root / recorded[1] / "file").write_text("half")
    (store.root / recorded[2] / "manifest.json").write_text('{"files')
    found = reasons(store, chain(weights), recorded)
    assert found["pruning"] == ["its artifact is damaged: file has 4 bytes rather than 5"]
    assert (found["subject"] or [""])[0].startswith("its artifact is damaged: manifest.json can't be read")
    # It says nothing about what would be built instead of it.
    for manifest in ("{}", "[]", "", '{"files": {}}'):
        (store.root / recorded[1] / "manifest.json").write_text(manifest)
        assert reasons(store, chain(weights, ratio=0.4), recorded)["pruning"] == [
            "it was not built here, or is gone, and so is all that it could be compared with"
        ]


def test_another_metric_is_no_earlier_version(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights, metrics={"speed": {}}))
    found = reasons(store, chain(weights, metrics={"cost": {}}), recorded)["subject"]
    assert found == ["it was not built here, or is gone, and so is all that it could be compared with"]
    both = reasons(store, chain(weights, metrics={"speed": {}, "cost": {}}), recorded)["subject"]
    assert both == ["config: metric.cost is new: {}"]


def test_explaining_is_no_use(store: Store, package: Package, weights: Path) -> None:
    recorded = build(store, chain(weights))
    manifests = [store.root / address / "manifest.json" for address in recorded]
    before = [path.stat().st_mtime_ns for path in manifests]
    explain(chain(weights), recorded, store)
    assert [path.stat().st_mtime_ns for path in manifests] == before


def test_paths_come_back(store: Store, package: Package) -> None:
    """A record keeps the last part of an absolute path; the manifests know the rest."""
    config = {"official": {"warp": "/home/me/warp.pth", "generator": None}, "names": ["warp.pth"]}
    artifact: Artifact = store.build("model", config, [], ["toy.stage"], make)
    recorded = {
        "model": {"official": {"warp": "warp.pth", "generator": None}}, "export": {"file": "warp.pth"}, "ratio": 0.2,
    }  # fmt: skip
    assert restore_paths(recorded, [f"model/{artifact.key}"], store) == {
        **recorded,
        "model": {"official": {"warp": "/home/me/warp.pth", "generator": None}},
    }
    assert restore_paths(recorded, [], store) == recorded
    second = store.build("data", {"warp": "/elsewhere/warp.pth"}, [], ["toy.stage"], make)
    both = [f"model/{artifact.key}", f"data/{second.key}"]
    assert restore_paths(recorded, both, store) == recorded  # which of the two is not known


def test_a_config_that_no_longer_fits() -> None:
    record = Record(variant="old")
    with pytest.raises(ValueError, match=r"old can't be planned: its config has no '\w+', run its experiment again"):
        stages_of(record, {})


def test_a_reference_row_is_no_earlier_version_of_a_variants_pictures(
    store: Store, package: Package, weights: Path
) -> None:
    def quality(**config: Any) -> Stage:
        return Stage("quality", "toy.stage:make", {"metric": {"ssim": {}}, **config}, files=(weights,))

    recorded = build(
        store, (quality(reference="pasted", data=1), quality(reference="unchanged", data=7), quality(data=8))
    )
    assert reasons(store, (quality(reference="unchanged", data=2),), recorded)["quality"] == ["config: data 7 -> 2"]
    assert reasons(store, (quality(data=1),), recorded)["quality"] == ["config: data 8 -> 1"]
