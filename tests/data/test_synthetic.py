"""The generated data: the same on every machine, exact in its truth, flow, labels and keypoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import KEYPOINTS, BodyPart, Label, Synthetic, draw_garment, draw_person

SAMPLE = range(12)
FIELDS = ("person", "garment", "garment_mask", "truth", "region")
PICTURES = Path(__file__).parent / "pictures.npz"  # of the first three test pairs


@pytest.fixture(scope="module")
def data() -> Synthetic:
    return Synthetic("test", 256, 128, 96)


@pytest.fixture(scope="module")
def pairs(data: Synthetic) -> list[Pair]:
    return [data[i] for i in SAMPLE]


def sample(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """``picture`` (H, W, 3) read bilinearly at ``flow`` (H, W, 2)."""
    height, width = picture.shape[:2]
    x, y = np.clip(flow[..., 0], 0, width - 1.001), np.clip(flow[..., 1], 0, height - 1.001)
    left, up = x.astype(int), y.astype(int)
    dx, dy = (x - left)[..., None], (y - up)[..., None]
    upper = picture[up, left] * (1 - dx) + picture[up, left + 1] * dx
    lower = picture[up + 1, left] * (1 - dx) + picture[up + 1, left + 1] * dx
    return upper * (1 - dy) + lower * dy


def halve(picture: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return picture.reshape(height, 2, width, 2, *picture.shape[2:]).astype(np.float32).mean((1, 3))


def test_shapes_and_protocol(data, pairs):
    assert data.protocol == "generated"
    assert (len(data), data.height, data.width) == (256, 128, 96)
    for pair in pairs:
        for picture in (pair.person, pair.garment, pair.truth):
            assert (picture.shape, picture.dtype) == ((128, 96, 3), np.uint8)
        for mask in (pair.garment_mask, pair.region):
            assert (mask.shape, mask.dtype) == ((128, 96), np.uint8)
        assert (pair.flow.shape, pair.flow.dtype) == ((128, 96, 2), np.float32)


def test_the_same_index_is_the_same_pair_in_a_set_of_any_length(pairs):
    longer = Synthetic("test", 2032, 128, 96)
    assert longer.pair_list()[:256] == Synthetic("test", 256, 128, 96).pair_list()
    assert len(set(longer.pair_list())) == 2032
    for mine, theirs in zip(pairs[:4], longer[:4], strict=True):
        assert mine.name == theirs.name
        for field in ("person", "garment", "garment_mask", "truth", "region", "flow"):
            np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field))


def test_the_pictures_have_not_changed(pairs):
    """Checkpoints and recorded figures belong to these pictures: whoever changes them trains and measures anew."""
    with np.load(PICTURES) as kept:
        for name in FIELDS:
            for pair, expected in zip(pairs, kept[name], strict=False):
                got = getattr(pair, name)
                assert np.abs(got.astype(int) - expected).max() <= 1, f"{name} of {pair.name}"


def test_splits_and_seeds_share_no_person_and_no_garment():
    sets = [Synthetic("train", 300, 128, 96), Synthetic("test", 300, 128, 96), Synthetic("test", 300, 128, 96, seed=1)]
    drawn = [data.parameters(i) for data in sets for i in range(300)]
    assert len({person for person, _, _ in drawn}) == 900
    assert len({garment for _, *garments in drawn for garment in garments}) == 1800


def test_every_kind_of_garment_and_person_occurs():
    drawn = [Synthetic("train", 300, 128, 96).parameters(i) for i in range(300)]
    assert {g.pattern for _, g, _ in drawn} >= {"plain", "stripes", "checks", "dots", "gradient", "emblem", "lettering"}
    assert {g.neckline for _, g, _ in drawn} == {"round", "v", "boat", "collar"}
    assert min(g.sleeve for _, g, _ in drawn) == 0 < 2.5 < max(g.sleeve for _, g, _ in drawn)
    assert {p.bottom for p, _, _ in drawn} == {"trousers", "jeans", "skirt", "shorts"}


def test_a_pair_is_what_the_drawing_functions_give(data, pairs):
    person, worn, target = data.parameters(3)
    before, after = draw_person(person, worn, 128, 96), draw_person(person, target, 128, 96)
    garment, mask = draw_garment(target, 128, 96)
    np.testing.assert_array_equal(pairs[3].person, before.image)
    np.testing.assert_array_equal(pairs[3].truth, after.image)
    np.testing.assert_array_equal(pairs[3].region, after.region)
    np.testing.assert_array_equal(pairs[3].flow, after.flow)
    np.testing.assert_array_equal(pairs[3].garment, garment)
    np.testing.assert_array_equal(pairs[3].garment_mask, mask)


def test_only_the_garment_differs_between_person_and_truth(data):
    for index in SAMPLE:
        person, worn, target = data.parameters(index)
        before, after = draw_person(person, worn, 128, 96), draw_person(person, target, 128, 96)
        head = (before.labels == Label.FACE) & (after.labels == Label.FACE) & (before.region + after.region == 0)
        assert head.sum() > 150
        # A face's edge lies over a neck that one of the garments may cover or shade.
        assert (np.abs(before.image.astype(int) - after.image)[head].max(-1) > 1).mean() < 0.05
        top = np.flatnonzero(np.maximum(before.region, after.region).any(1))[0]
        np.testing.assert_array_equal(before.image[:top], after.image[:top])
        np.testing.assert_array_equal(before.body_parts, after.body_parts)
        np.testing.assert_array_equal(before.keypoints, after.keypoints)


def test_the_garment_colours_nothing_outside_its_region(data):
    for index in SAMPLE:
        person, _, target = data.parameters(index)
        other = replace(
            target, base=(0.1, 0.9, 0.2), second=(0.9, 0.1, 0.6), third=(0.2, 0.2, 0.9), trim=(1.0, 0.0, 0.0)
        )
        one, two = draw_person(person, target, 128, 96), draw_person(person, other, 128, 96)
        np.testing.assert_array_equal(one.region, two.region)
        np.testing.assert_array_equal(one.flow, two.flow)
        outside = one.region == 0
        assert np.abs(one.image.astype(int) - two.image)[outside].max() <= 1
        assert np.abs(one.image.astype(int) - two.image)[one.region == 255].mean() > 20


def test_the_true_flow_carries_the_garment_onto_the_person(pairs):
    oracle, pasted = [], []
    for pair in pairs:
        inside = pair.region == 255
        warped = sample(pair.garment, pair.flow)
        oracle.append(np.abs(warped - pair.truth)[inside].mean() / 255)
        pasted.append(np.abs(pair.garment.astype(int) - pair.truth)[inside].mean() / 255)
        # What the flow points at is garment.
        assert (sample(pair.garment_mask[..., None], pair.flow)[inside] < 128).mean() < 0.01
    assert max(oracle) < 0.07
    assert np.mean(oracle) < 0.35 * np.mean(pasted)


def test_flow_stays_in_the_shop_picture(pairs):
    for pair in pairs:
        shown = pair.flow[pair.region > 0]
        assert (shown >= 0).all()
        assert (shown <= (95, 127)).all()


def test_flow_is_smooth_within_the_trunk(data):
    for index in SAMPLE:
        person, _, target = data.parameters(index)
        # Without sleeves the trunk is the only layer.
        dressed = draw_person(person, replace(target, sleeve=0.0), 128, 96)
        inside = dressed.region == 255
        right = np.diff(dressed.flow, axis=1)[inside[:, 1:] & inside[:, :-1]]
        down = np.diff(dressed.flow, axis=0)[inside[1:] & inside[:-1]]
        # A worn garment is 0.5 to 1.2 times the size of the one in the shop; its sides turn away.
        for along, across in ((right[:, 0], right[:, 1]), (down[:, 1], down[:, 0])):
            assert 1 / 1.2 < np.median(along) < 2
            assert (np.abs(along - 1.8) < 1.1).all()
            assert (np.abs(across) < 0.8).all()


def test_labels_and_keypoints_agree(data):
    arms = {int(part) for part in BodyPart if "ARM" in part.name or "HAND" in part.name}
    for index in SAMPLE:
        person, _, target = data.parameters(index)
        dressed = draw_person(person, target, 128, 96)
        assert dressed.keypoints.shape == (len(KEYPOINTS), 2)
        place = {
            name: tuple(round(float(c)) for c in xy[::-1])
            for name, xy in zip(KEYPOINTS, dressed.keypoints, strict=True)
        }
        assert all(0 <= y < 128 and 0 <= x < 96 for y, x in place.values())
        assert dressed.labels[place["nose"]] == Label.FACE
        assert dressed.body_parts[place["nose"]] == BodyPart.HEAD
        for side in ("left", "right"):
            for joint in ("shoulder", "elbow", "wrist"):
                assert dressed.body_parts[place[f"{side}_{joint}"]] in arms
            assert dressed.body_parts[place[f"{side}_hip"]] != BodyPart.BACKGROUND
        # The person's right is on the left of the picture.
        assert place["right_shoulder"][1] < place["neck"][1] < place["left_shoulder"][1]
        np.testing.assert_array_equal(
            dressed.labels == Label.GARMENT, (dressed.labels == Label.GARMENT) & (dressed.region >= 127)
        )
        assert set(np.unique(dressed.labels)) >= {Label.BACKGROUND, Label.HAIR, Label.FACE, Label.GARMENT}


def test_a_larger_picture_is_the_same_picture(pairs):
    large = Synthetic("test", 256, 256, 192)
    for index in (0, 1, 2):
        small, pair = pairs[index], large[index]
        for field in ("person", "garment", "truth", "garment_mask", "region"):
            assert np.abs(halve(getattr(pair, field)) - getattr(small, field)).mean() < 2.0, field
        inside = (halve(pair.region) == 255) & (small.region == 255)
        # Pixel centres are at whole numbers, so the centre of 2x2 pixels of the large picture lies half a pixel off.
        difference = np.abs(halve(pair.flow) - (2 * small.flow + 0.5))[inside].max(-1)
        assert np.quantile(difference, 0.95) < 0.1


@pytest.mark.parametrize(
    "arguments, remedy",
    [
        (("validation", 4, 128, 96), "train, test"),
        (("test", 0, 128, 96), "at least 1"),
        (("test", 4, 128, 128), "multiples of 32"),
        (("test", 4, 120, 90), "multiples of 32"),
        (("test", 4, 128, 96, -1), "0 or more"),
    ],
)
def test_mistakes_are_refused_with_a_remedy(arguments, remedy):
    with pytest.raises(ValueError, match=remedy):
        Synthetic(*arguments)


def test_indexing_is_that_of_a_sequence(data):
    assert data[-1].name == data[255].name == data.pair_list()[255]
    with pytest.raises(IndexError):
        data[256]


def test_the_config_names_this_class():
    config = yaml.safe_load((Path(__file__).parents[2] / "conf/data/synthetic.yaml").read_text())
    assert config.pop("_target_") == f"{Synthetic.__module__.rsplit('.', 1)[0]}.Synthetic"
    assert (config.pop("height"), config.pop("width")) == ("${model.size[0]}", "${model.size[1]}")
    assert len(Synthetic(**config, height=128, width=96)) == 256


# Means of person, garment, truth and region of the first pairs, in 0 to 255.
