"""FID and KID as metrics: which features fill which column, what is recorded, and what is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vtoncompress.data.base import Image, Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.metric import inception, known_features
from vtoncompress.metric.base import Batch, Measurement, PictureMetric, Prediction
from vtoncompress.metric.bootstrap import DRAWS, INDEPENDENT, INTERVAL, PAIRED
from vtoncompress.metric.distribution import forget_extractors
from vtoncompress.metric.feature_network import WEIGHTS
from vtoncompress.metric.features import Shipped
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.kid import Kid


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return Synthetic("test", 12, 128, 96)[:]


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A torch hub cache without weights, and extractors chosen anew."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    forget_extractors()
    return tmp_path / "hub"


def run(metric: PictureMetric, pairs: list[Pair], pictures: list[Image], size: int = 5) -> Measurement:
    for start in range(0, len(pairs), size):
        part = slice(start, start + size)
        metric.update(Batch(pairs[part], [Prediction(picture) for picture in pictures[part]]))
    return metric.compute()


def truths(pairs: list[Pair]) -> list[Image]:
    return [pair.truth for pair in pairs if pair.truth is not None]


def test_without_inception_the_columns_say_so(pairs: list[Pair]) -> None:
    fid, kid = (run(metric, pairs, truths(pairs)) for metric in (Fid(), Kid(subset_size=6, subsets=4)))
    assert set(fid.values) == {"fid_shipped"}
    assert set(kid.values) == {"kid_shipped", "kid_shipped_std"}
    assert fid.missing == {"fid": "Inception weights not given: set metric.fid.inception_weights"}
    assert kid.missing["kid_std"] == "Inception weights not given: set metric.kid.inception_weights"
    for metric, found in ((Fid, fid), (Kid, kid)):
        assert {*found.values, *found.missing} == set(metric.columns)


def test_the_protocol_is_recorded(pairs: list[Pair]) -> None:
    found = run(Kid(subset_size=100, subsets=3, seed=5), pairs, truths(pairs)).protocol
    assert found["kid_extractor"] == "vtoncompress features 64"
    assert len(found["kid_weights"]) == 16
    assert found["kid_images"] == found["kid_subset_size"] == 12
    assert (found["kid_subsets"], found["kid_seed"]) == (3, 5)


def test_the_unchanged_person_wins(pairs: list[Pair]) -> None:
    unchanged, changed = (run(Fid(), pairs, pictures) for pictures in ([p.person for p in pairs], truths(pairs)))
    assert unchanged.values["fid_shipped"] == pytest.approx(0, abs=1e-6 * changed.values["fid_shipped"])


@pytest.mark.parametrize(
    "files, truth, draws",
    [(12, False, INDEPENDENT), (9, False, INDEPENDENT), (9, True, INDEPENDENT), (12, True, PAIRED)],
)
def test_what_is_no_pair_is_resampled_apart(
    files: int, truth: bool, draws: str, pairs: list[Pair], tmp_path: Path
) -> None:
    for metric, column in ((Fid("shipped"), "fid_shipped"), (Kid("shipped"), "kid_shipped")):
        photos = [pair.person for pair in pairs][:files]
        (tmp_path / column).mkdir()
        known_features.write([photos], files, Shipped(), tmp_path / column)
        assert metric.refer_to(tmp_path / column, "photos")
        shown = pairs if truth else [replace(pair, truth=None) for pair in pairs]
        found = run(metric, shown, truths(pairs))
        assert found.details[DRAWS] == {column: draws}
        low, high = found.details[INTERVAL][column]
        assert low < found.values[column] < high


def test_two_pairs_have_an_interval_of_kid(pairs: list[Pair]) -> None:
    low, high = run(Kid("shipped"), pairs[:2], truths(pairs)[:2]).details[INTERVAL]["kid_shipped"]
    assert low <= high < float("inf")


def test_an_interval_that_is_not_made_says_so(pairs: list[Pair]) -> None:
    details = run(Fid("shipped", resamples=0), pairs, truths(pairs)).details
    assert INTERVAL not in details
    assert details[DRAWS]["fid_shipped"].startswith("no interval: metric.fid.resamples=100")
    assert INTERVAL not in run(Kid("shipped", resamples=0), pairs, truths(pairs)).details


def test_numbers_are_the_same_bit_by_bit_for_the_same_pictures(pairs: list[Pair]) -> None:
    assert run(Fid(), pairs, truths(pairs)) == run(Fid(), pairs, truths(pairs))
    assert run(Kid(subset_size=6), pairs, truths(pairs)) == run(Kid(subset_size=6), pairs, truths(pairs))


def test_features_are_computed_once_for_both(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = Shipped.__call__

    def counted(self: Shipped, pictures: Sequence[Image]) -> Any:
        calls.append(len(pictures))
        return original(self, pictures)

    monkeypatch.setattr(Shipped, "__call__", counted)
    batch = Batch(pairs, [Prediction(picture) for picture in truths(pairs)])
    for metric in (Fid(), Kid()):
        metric.update(batch)
    assert calls == [12, 12]


def test_one_picture_has_no_distribution(pairs: list[Pair]) -> None:
    for metric in (Fid(), Kid()):
        found = run(metric, pairs[:1], truths(pairs)[:1])
        assert found.values == {}
        assert set(found.missing) == set(metric.columns)


@pytest.mark.parametrize("options", [{"features": "vgg"}, {"inception_weights": "/nowhere.pth"}])
def test_mistakes_fail_before_any_work(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="features=vgg|no Inception weights at /nowhere.pth"):
        Fid(**options)
    with pytest.raises(ValueError, match="subset_size=1"):
        Kid(subset_size=1)
    with pytest.raises(ValueError, match="metric.kid.resamples=1:"):
        Kid(resamples=1)


def test_nothing_else_passes_for_inception(tmp_path: Path, empty_hub: Path) -> None:
    other = tmp_path / inception.FILE_NAME
    other.write_bytes(WEIGHTS.read_bytes())
    with pytest.raises(ValueError, match=r"is not pt_inception-2015-12-05-6726825d.pth"):
        Fid(inception_weights=str(other))
    cached = empty_hub / "checkpoints" / inception.FILE_NAME
    cached.parent.mkdir(parents=True)
    cached.write_bytes(WEIGHTS.read_bytes())
    with pytest.raises(ValueError, match="is not pt_inception"):
        Fid()
    assert Fid(features="shipped")


def test_a_download_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(ValueError, match="features=shipped"):
        Fid(features="inception")
    assert Fid().compute().missing["fid"].startswith("Inception weights not given")


def test_a_changed_weights_file_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "features.safetensors"
    changed.write_bytes(WEIGHTS.read_bytes() + b" ")
    with pytest.raises(ValueError, match="is not the file that this version ships"):
        Shipped(changed)
