"""What a visit computes is what the networks give, and what it says of them follows from that."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.conftest import ROOT
from tests.demo.conftest import LIMITS, layer, painter
from vtoncompress.data.base import Pair
from vtoncompress.delivery import deliver
from vtoncompress.demo import fitting, serve
from vtoncompress.demo.fitting import FittingRoom, Wish
from vtoncompress.demo.follow import Told, follow
from vtoncompress.demo.mask import CANVAS, canvas_of, garment_mask, person_mask
from vtoncompress.demo.prepare import shipped
from vtoncompress.demo.recipe import Recipe, from_results
from vtoncompress.demo.upload import Limits, read_photo
from vtoncompress.deployment import FILES, open_deployment
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.fingerprint import module_hashes
from vtoncompress.garment_mask import find_garment
from vtoncompress.masking.plain_background import PlainBackground
from vtoncompress.picture_grid import difference
from vtoncompress.record import Record, write
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.store import Store
from vtoncompress.try_on import TryOn


def wish_of(pair: Pair) -> Wish:
    return Wish(pair.person, pair.garment, pair.garment_mask)


def test_every_recipe_beside_the_dense_one(recipes: list[Recipe], pairs: Sequence[Pair]) -> None:
    pair = pairs[0]
    dense, other = FittingRoom(recipes).fit(["other", "dense"], wish_of(pair))
    assert [dense.recipe.name, other.recipe.name] == ["dense", "other"]
    aim = open_deployment(recipes[0].folder)(pair.person, pair.garment, pair.garment_mask)
    mine = open_deployment(recipes[1].folder)(pair.person, pair.garment, pair.garment_mask)
    np.testing.assert_array_equal(dense.picture, aim)
    np.testing.assert_array_equal(other.picture, mine)
    assert dense.apart == 0
    assert other.apart == pytest.approx(np.abs(mine.astype(float) - aim).mean())
    assert other.apart > 1
    np.testing.assert_array_equal(other.difference, difference(aim, mine))
    assert dense.latency_ms > 0


def test_the_dense_one_is_called_though_it_was_not_chosen(recipes: list[Recipe], pairs: Sequence[Pair]) -> None:
    pair = pairs[0]
    first, alone = FittingRoom(recipes).fit(["other"], wish_of(pair))
    [_, both] = FittingRoom(recipes).fit(["dense", "other"], wish_of(pair))
    assert (first.apart, alone.apart) == (None, both.apart)


def test_what_was_chosen_is_there_before_what_it_is_compared_with(recipes: list[Recipe], pairs: Sequence[Pair]) -> None:
    room = FittingRoom(recipes)
    assert room.runs(["other"]) == {"other": "other", "dense": "dense, for comparison"}
    assert room.runs(["other", "dense"]) == {"dense": "dense", "other": "other"}

    def told(called: str, done: int, steps: int) -> None:
        if called == "dense, for comparison":
            raise ValueError(called)

    fits = room.fit(["other"], wish_of(pairs[0]), told)
    assert next(fits).recipe.name == "other"
    with pytest.raises(ValueError, match="dense, for comparison"):
        next(fits)


def test_steps_are_told_once_though_they_are_timed_again(painters: list[Recipe], pairs: Sequence[Pair]) -> None:
    pair, told = pairs[0], list[tuple[str, int, int]]()
    wish = Wish(pair.person, pair.garment, None, PlainBackground()(pair.person))
    [shown] = FittingRoom(painters).fit(["painter"], wish, lambda *step: told.append(step))
    assert not shown.first_call
    assert told == [("painter", step, 3) for step in range(4)]


def test_a_first_call_is_no_latency_but_of_a_slow_network_in_steps(
    recipes: list[Recipe], painters: list[Recipe], pairs: Sequence[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed, calls = fitting._timed, iter((5.0, 2.0, 9.0))
    monkeypatch.setattr(fitting, "_timed", lambda *arguments: (timed(*arguments)[0], next(calls)))
    pair = pairs[0]
    wish = Wish(pair.person, pair.garment, pair.garment_mask, PlainBackground()(pair.person), {"steps": 1})
    whole, stepped = FittingRoom([recipes[0], painters[0]]).fit(["dense", "painter"], wish)
    assert (whole.latency_ms, whole.first_call) == (2000, False)
    assert (stepped.latency_ms, stepped.first_call) == (9000, True)
    assert next(calls, None) is None


@pytest.mark.parametrize("change", [{"model": "another"}, {"origin": "model/0123"}])
def test_other_weights_have_nothing_to_be_compared_with(
    recipes: list[Recipe], pairs: Sequence[Pair], change: dict[str, Any]
) -> None:
    pair, stranger = pairs[0], replace(recipes[1], **change)
    [shown] = FittingRoom([recipes[0], stranger]).fit(["other"], wish_of(pair))
    assert (shown.apart, shown.difference) == (None, None)


def test_what_is_painted_is_the_mask_and_otherwise_the_garment_is_found(pairs: Sequence[Pair]) -> None:
    garment = pairs[0].garment
    np.testing.assert_array_equal(garment_mask(garment, None), find_garment(garment))
    clear = {"layers": [np.zeros((*garment.shape[:2], 4), np.uint8)]}
    np.testing.assert_array_equal(garment_mask(garment, clear), find_garment(garment))
    half = {"layers": [layer((64, 48), slice(0, 32), slice(0, 48)), layer((64, 48), slice(0, 64), slice(0, 24))]}
    mask = garment_mask(garment, half)
    assert mask.shape == garment.shape[:2]
    assert set(np.unique(mask[:60, :40])) | set(np.unique(mask[68:, :44])) == {255}
    assert not mask[68:, 52:].any()


def test_a_person_is_painted_anew_where_that_was_painted_or_where_the_masker_says(pairs: Sequence[Pair]) -> None:
    person, masker = pairs[0].person, PlainBackground()
    np.testing.assert_array_equal(person_mask(person, None, masker), masker(person))
    painted = {"layers": [layer(person.shape[:2], slice(10, 20), slice(10, 20))]}
    assert np.argwhere(person_mask(person, painted, masker)).tolist() == [
        [row, column] for row in range(10, 20) for column in range(10, 20)
    ]
    everything = {"layers": [layer(person.shape[:2], slice(None), slice(None))]}
    with pytest.raises(ValueError, match="covers the whole photo"):
        person_mask(person, everything, masker)
    with pytest.raises(ValueError, match="paint the person's mask"):
        person_mask(np.full_like(person, 255), None, masker)


def test_a_network_in_steps_does_as_the_visitor_chose(painters: list[Recipe], pairs: Sequence[Pair]) -> None:
    pair = pairs[0]
    mask = PlainBackground()(pair.person)
    assert [one.sampling for one in painters] == [{"steps": steps, "guidance": 2.5, "seed": 7} for steps in (3, 2)]
    steps: list[tuple[str, int, int]] = []
    room = FittingRoom(painters)
    options: list[dict[str, float]] = [{}, {"seed": 5}, {"steps": 2, "guidance": 1.0, "seed": 5}]
    for sampling in options:
        wish = Wish(pair.person, pair.garment, None, mask, sampling)
        names = [one.name for one in painters]
        for number, found in enumerate(room.fit(names, wish, lambda *step: steps.append(step))):
            model = painter(number)
            model.set_sampling(DDIM(**{"steps": 3 - number, "guidance": 2.5, "seed": 7, **sampling}))
            expected = TryOn(TorchRuntime(model), model.size)(pair.person, pair.garment, None, mask)
            assert np.abs(found.picture.astype(int) - expected).max() <= 1
            count = int(sampling.get("steps", 3 - number))
            assert found.steps == count
            assert steps[: count + 1] == [(names[number], step, count) for step in range(count + 1)]
            steps.clear()
    with pytest.raises(ValueError, match="sampling.steps=0"):
        next(room.fit(names, Wish(pair.person, pair.garment, None, mask, {"steps": 0})))


def test_work_that_is_followed_ends_when_nobody_looks() -> None:
    done = []

    def work(told: Told) -> Iterator[int]:
        for step in range(1000):
            told("step", step, 1000)
            done.append(step)
            time.sleep(0.01)
            yield step

    watched = follow(work)
    assert [next(watched) for _ in range(3)] == [("step", 0, 1000), 0, ("step", 1, 1000)]
    watched.close()
    time.sleep(0.2)
    assert len(done) < 20
    with pytest.raises(ZeroDivisionError):
        list(follow(lambda told: [1 / 0]))
    assert list(follow(lambda told: iter([1, 2]))) == [1, 2]


def test_the_canvas_is_small_and_of_the_same_form() -> None:
    assert canvas_of(np.zeros((2000, 1000, 3), np.uint8)).shape == (CANVAS, CANVAS // 2, 3)
    assert canvas_of(np.zeros((100, 50, 3), np.uint8)).shape == (100, 50, 3)


def test_a_photo_is_looked_at_before_it_is_decoded(tmp_path: Path, photos: tuple[Path, Path]) -> None:
    np.testing.assert_array_equal(read_photo(photos[0], LIMITS), np.asarray(Pillow.open(photos[0])))
    broken, cut, large = tmp_path / "broken.png", tmp_path / "cut.png", tmp_path / "large.png"
    broken.write_bytes(b"<svg onload='alert(1)'/>")
    cut.write_bytes(photos[0].read_bytes()[:-2000])
    Pillow.new("1", (2000, 1500)).save(large)
    for path, line in (
        (broken, "This file is no picture that can be read"),
        (cut, "This picture is damaged or cut short"),
        (large, "This picture has 3 megapixels: send one of at most 2."),
    ):
        with pytest.raises(ValueError, match=line) as raised:
            read_photo(path, LIMITS)
        assert str(tmp_path) not in str(raised.value)


def test_limits_that_let_nothing_in_are_refused() -> None:
    for queue in (0, "many", None, True, float("nan")):
        with pytest.raises(ValueError, match=f"limits.queue={queue}: use a number above 0"):
            Limits(1, 1, queue, 1, 1)  # type: ignore[arg-type]


def test_rows_are_offered_whose_files_are_in_the_store(recipes: list[Recipe], tmp_path: Path) -> None:
    store, results = Store(tmp_path / "store"), tmp_path / "results"
    kept = store.build("deployment", {}, [], [], lambda out: _copy(recipes[0].folder, out / FILES))
    stages = [f"deployment/{kept.key}"]
    write(Record("dense", stages=stages, values={"ssim_garment": 0.8}), results / "mine")
    quantized = store.build("deployment", {"of": 1}, [], [], lambda out: _copy(recipes[1].folder, out / FILES))
    # One that was quantized from a float32 deployment names that before its own.
    write(Record("int8", stages=[*stages, f"deployment/{quantized.key}"], quantization="nncf_ptq"), results / "mine")
    trained = {"stages": ["model/01", *stages], "trust": {"weights": "random, seed 0"}}
    write(Record("tuned", finetuning="supervised", **trained), results / "mine")
    write(Record("failed", stages=stages, status="failed"), results / "mine")
    write(Record("elsewhere", stages=["deployment/0123"]), results / "adhoc" / "yours")
    found = {one.name: one for one in from_results(results, store)}
    assert [*found] == ["mine/dense", "mine/int8", "mine/tuned (random weights)"]
    assert (found["mine/dense"].dense, found["mine/int8"].dense) == (True, False)
    assert [one.folder for one in found.values()] == [kept.path / FILES, quantized.path / FILES, kept.path / FILES]
    tuned = found["mine/tuned (random weights)"]
    assert (tuned.dense, tuned.origin, tuned.is_kin(found["mine/dense"])) == (False, "model/01", False)
    assert found["mine/dense"].quality == 0.8
    assert found["mine/dense"].size_mib == pytest.approx(
        sum(path.stat().st_size for path in recipes[0].folder.rglob("*") if path.is_file()) / 2**20
    )
    assert from_results(results, store, ["adhoc/yours"]) == []
    with pytest.raises(ValueError, match="there are no records of theirs in .*: choose among adhoc/yours, mine"):
        from_results(results, store, ["theirs"])


@pytest.mark.parametrize(
    "options, asked, offered_names",
    [
        ({}, ["painter"], ["mine/dense", "painter"]),
        ({"shipped": True}, ["toy", "painter"], ["mine/dense", "toy", "painter"]),
        ({"experiments": ["mine"]}, None, ["mine/dense"]),
        ({"experiments": "mine"}, None, ["mine/dense"]),
    ],
)
def test_shipped_models_without_a_row_are_offered_too_and_those_in_steps_come_last(
    recipes: list[Recipe], painters: list[Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object], asked: list[str] | None, offered_names: list[str],
) -> None:  # fmt: skip
    store = Store(tmp_path / "store")
    kept = store.build("deployment", {}, [], [], lambda out: _copy(recipes[0].folder, out / FILES))
    write(Record("dense", stages=[f"deployment/{kept.key}"]), tmp_path / "results" / "mine")
    calls = []

    def prepare(_: Path, models: Sequence[str]) -> Iterator[Recipe]:
        calls.append(models)
        return (replace(painters[0] if name == "painter" else recipes[1], name=name) for name in reversed(models))

    monkeypatch.setattr(serve, "shipped", lambda: ["toy", "painter"])
    monkeypatch.setattr(serve, "prepare", prepare)
    places = {"store": str(store.root), "results": str(tmp_path / "results")}
    config = {"deployments": [], "experiments": None, "shipped": False, **places, **options}
    assert [one.name for one in serve.offered(config)] == offered_names
    assert calls == ([] if asked is None else [asked])


def test_exported_folders_know_their_dense_network_and_are_told_apart(recipes: list[Recipe], tmp_path: Path) -> None:
    store, results = Store(tmp_path / "store"), tmp_path / "results"
    for recipe, quantization in zip(recipes, ("none", "nncf_ptq"), strict=True):
        options = {"of": recipe.name}
        kept = store.build("deployment", options, [], [], lambda out, from_=recipe.folder: _copy(from_, out / FILES))
        stages = ["model/01", f"deployment/{kept.key}"]
        write(Record(recipe.name, stages=stages, quantization=quantization), results / "mine")
        deliver(recipe.name, results / "mine", store, tmp_path / recipe.name / "deployed")
    folders = [str(tmp_path / recipe.name / "deployed") for recipe in recipes]
    config = {"store": str(store.root), "results": str(results), "experiments": [], "shipped": False}
    dense, other = serve.offered({**config, "deployments": folders})
    assert [dense.name, other.name] == ["dense/deployed", "other/deployed"]
    assert (dense.dense, other.dense, other.is_kin(dense)) == (True, False, True)
    for alone in ([folders[0], f"{folders[0]}/"], folders[0]):
        assert [one.name for one in serve.offered({**config, "deployments": alone})] == ["deployed"]


def test_what_is_shipped_is_known_without_torch() -> None:
    assert "pf_afn_small" in shipped()
    assert "pf_afn" not in shipped()


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def test_what_serves_imports_no_torch() -> None:
    served = [f"vtoncompress.demo.{path.stem}" for path in (ROOT / "vtoncompress" / "demo").glob("[a-z]*.py")]
    served.remove("vtoncompress.demo.prepare")
    reached = module_hashes([*served, "vtoncompress.export.openvino", "vtoncompress.export.onnx"])
    assert "vtoncompress.data.synthetic.pair" in reached
    # Those two need Gradio, which may not be there; what they import of ours is imported by the others.
    imports = "; ".join(f"import {name}" for name in served if not name.endswith((".layout", ".visit")))
    code = f"import sys; {imports}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout.lower()) is False
