"""The rows that frame a table: what they do to pictures, and that the better ones score better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.metric.base import Batch
from vtoncompress.metric.flow_error import FlowError
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.reference import REFERENCES, oracle, pasted, sample, unchanged


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return Synthetic("test", 24, 128, 96)[:]


def test_the_rows_and_their_roles() -> None:
    assert {row.name: row.role for row in REFERENCES} == {
        "unchanged": "reference",
        "pasted": "reference",
        "oracle": "oracle",
    }


def test_each_row_is_better_in_the_garment_than_the_one_before(pairs: list[Pair]) -> None:
    found = {}
    for row in REFERENCES:
        likeness, flow = GarmentLikeness(), FlowError()
        batch = Batch(pairs, [row.predict(pair) for pair in pairs])
        likeness.update(batch)
        flow.update(batch)
        found[row.name] = likeness.compute().values | flow.compute().values
    assert found["unchanged"]["ssim_garment"] == pytest.approx(0.27, abs=0.06)
    assert found["pasted"]["ssim_garment"] == pytest.approx(0.39, abs=0.06)
    assert found["oracle"]["ssim_garment"] == pytest.approx(0.91, abs=0.03)
    assert found["unchanged"]["l1_garment"] > 2 * found["pasted"]["l1_garment"] > 4 * found["oracle"]["l1_garment"]
    assert "flow_error_px" not in found["unchanged"]
    assert 3 < found["pasted"]["flow_error_px"] < 9
    assert found["oracle"]["flow_error_px"] == 0


def test_unchanged_is_the_person(pairs: list[Pair]) -> None:
    assert unchanged(pairs[0]).image is pairs[0].person
    assert unchanged(pairs[0]).flow is None


def test_the_oracle_shows_the_truth_outside_the_garment(pairs: list[Pair]) -> None:
    pair = pairs[0]
    result = oracle(pair).image
    assert pair.truth is not None
    outside = pair.region == 0
    np.testing.assert_array_equal(result[outside], pair.truth[outside])
    assert (result != pair.truth)[~outside].any()


def test_the_oracle_has_no_whole_picture_figures() -> None:
    row = next(row for row in REFERENCES if row.role == "oracle")
    assert {"fid_shipped", "kid_shipped", "kid_shipped_std", "ssim", "psnr"} <= row.missing.keys()
    assert not {"ssim_garment", "l1_garment", "flow_error_px"} & row.missing.keys()


def test_pasting_uses_nothing_but_the_two_pictures(pairs: list[Pair]) -> None:
    blind = replace(pairs[0], truth=None, region=None, flow=None)
    np.testing.assert_array_equal(pasted(blind).image, pasted(pairs[0]).image)


def test_pasting_moves_with_the_person_and_scales_the_garment() -> None:
    person = np.full((128, 96, 3), 240, np.uint8)
    person[28:, 30:50] = 60
    garment = np.full((128, 96, 3), 255, np.uint8)
    garment[40:80, 28:68] = (200, 0, 0)
    mask = np.zeros((128, 96), np.uint8)
    mask[40:80, 28:68] = 255
    result = pasted(Pair("x", person, garment, mask)).image
    red = (result == (200, 0, 0)).all(-1)
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    # 100 rows of person: the garment is 40 * 0.75 * 100 / 128 = 23 pixels, its top 27 below the crown.
    assert (len(rows), len(columns)) == (pytest.approx(23, abs=1), pytest.approx(23, abs=1))
    assert rows[0] == pytest.approx(28 + 27, abs=1)
    assert columns.mean() == pytest.approx(39.5, abs=0.6)
    np.testing.assert_array_equal(result[:50], person[:50])


def test_an_empty_photo_still_gets_a_picture() -> None:
    blank = np.full((128, 96, 3), 255, np.uint8)
    result = pasted(Pair("x", blank, blank, np.zeros((128, 96), np.uint8))).image
    np.testing.assert_array_equal(result, blank)


def test_rows_say_whether_they_need_the_truth(pairs: list[Pair]) -> None:
    real = replace(pairs[0], truth=None, region=None, flow=None)
    for row in REFERENCES:
        if row.needs:
            with pytest.raises(AssertionError, match="needs the truth"):
                row.predict(real)
        else:
            assert row.predict(real).image.shape == real.person.shape


def test_sampling_at_whole_pixels_is_reading_and_between_them_the_mean() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    y, x = np.mgrid[:6, :5].astype(np.float32)
    np.testing.assert_allclose(sample(picture, np.stack([x, y], -1)), picture)
    half = sample(picture, np.array([[[1.5, 2.0]]], np.float32))[0, 0]
    np.testing.assert_allclose(half, picture[2, 1:3].mean(0))
    np.testing.assert_allclose(sample(picture, np.array([[[-9.0, 99.0]]], np.float32))[0, 0], picture[5, 0])
