"""Reference features that are known: the same numbers, and nobody looks at a reference picture again."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vtoncompress.data.base import Image, Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.extractor import Extractor, Features
from vtoncompress.metric.features import Shipped
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.known_features import read, write
from vtoncompress.stage import measurements, quality, reference_features

PAIRS = 40
DATA = {
    "_target_": "vtoncompress.data.synthetic.Synthetic", "split": "test", "pairs": PAIRS, "height": 128, "width": 96
}  # fmt: skip
METRIC = {
    "fid": {"_target_": "vtoncompress.metric.fid.Fid", "features": "shipped"},
    "kid": {"_target_": "vtoncompress.metric.kid.Kid", "features": "shipped"},
}


def measure(folder: Path, *known: Path) -> Any:
    """Of the pasted garments."""
    folder.mkdir()
    quality.make_reference({"data": DATA, "metric": METRIC, "reference": "pasted"}, *known, folder)
    return json.loads((folder / measurements.MEASUREMENTS).read_text())


def test_a_run_with_known_persons_gives_the_same_numbers_and_looks_at_predictions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = tmp_path / "known"
    known.mkdir()
    reference_features.make_persons(
        {"data": DATA, "extractor": {"features": "shipped", "inception_weights": None}}, known
    )
    original, looked = Shipped.__call__, []

    def counted(self: Shipped, pictures: Sequence[Image]) -> Features:
        looked.append(len(pictures))
        return original(self, pictures)

    monkeypatch.setattr(Shipped, "__call__", counted)
    assert measure(tmp_path / "with", known) == measure(tmp_path / "without")
    assert sum(looked) == PAIRS + 2 * PAIRS


def test_a_person_is_drawn_as_in_its_pair() -> None:
    data = Synthetic("test", 3, 128, 96)
    for index in (0, 2):
        assert np.array_equal(data.person(index), data[index].person)


class Constant(Extractor):
    """2048 features of a picture, all equal to its first pixel."""

    name, suffix, weights_hash, resizing = "constant", "_shipped", "0", "none"

    def __call__(self, pictures: Sequence[Image]) -> Features:
        return np.repeat([[float(picture[0, 0, 0])] for picture in pictures], 2048, 1)


def test_features_go_to_disk_and_stay_there(tmp_path: Path) -> None:
    """What is in memory at any time is a chunk, of which there are forty."""
    chunk, chunks = 8, 40

    def pictures() -> Iterator[list[Image]]:
        for index in range(chunks):
            yield [np.full((64, 48, 3), index, np.uint8) for _ in range(chunk)]

    tracemalloc.start()
    write(pictures(), chunks * chunk, Constant(), tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * chunk * 2048 * 8 < chunks * chunk * 2048 * 4 / 2
    found = read(tmp_path, Constant())
    assert found is not None
    assert (found.shape, found.dtype) == ((320, 2048), np.float32)
    assert found[:, 5].tolist() == np.repeat(range(40), 8).tolist()


def test_features_of_another_extractor_are_not_taken(tmp_path: Path, pairs: list[Pair]) -> None:
    write(iter([[pair.person for pair in pairs]]), len(pairs), Constant(), tmp_path)
    metric = Fid("shipped")
    assert not metric.refer_to(tmp_path)
    metric.update(Batch(pairs, [Prediction(pair.person) for pair in pairs]))
    assert metric.compute().values["fid_shipped"] < 1e-6
    assert metric.compute().protocol["fid_reference"] == "person photos of the same pairs"
