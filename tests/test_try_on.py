"""From pictures of any size to a picture of the network's size, by one exact rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vtoncompress.data.base import Image
from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.try_on import TryOn, to_image, to_tensors

SIZE = (64, 48)


class Paste(Runtime):
    """Shows the garment where its mask is and the person elsewhere; remembers what it was given."""

    def __call__(self, inputs: Tensors) -> Tensors:
        self.inputs = inputs
        mask = inputs["garment_mask"]
        return {"image": inputs["person"] * (1 - mask) + inputs["garment"] * mask}

    def describe(self) -> dict[str, Any]:
        return {}


def _pictures(height: int, width: int) -> tuple[Image, Image, Image]:
    random = np.random.default_rng(0)
    person = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    garment = np.full((height, width, 3), 255, np.uint8)
    mask = np.zeros((height, width), np.uint8)
    inside = np.s_[height // 4 : height // 2, width // 4 : width // 2]
    garment[inside], mask[inside] = (200, 20, 60), 255
    return person, garment, mask


def test_tensors_have_the_contract_s_names_types_and_ranges() -> None:
    tensors = to_tensors(*_pictures(*SIZE))
    assert {name: value.shape for name, value in tensors.items()} == {
        "person": (1, 3, *SIZE),
        "garment": (1, 3, *SIZE),
        "garment_mask": (1, 1, *SIZE),
    }
    assert all(value.dtype == np.float32 and value.flags["C_CONTIGUOUS"] for value in tensors.values())
    assert tensors["garment"].max() == 1
    assert set(np.unique(tensors["garment_mask"])) == {0, 1}


def test_every_level_survives_the_round_trip() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    mask = np.zeros((16, 16), np.uint8)
    assert np.array_equal(to_image(to_tensors(levels, levels, mask)["person"]), levels)


def test_rounding_is_to_the_nearest_and_clipped() -> None:
    values = np.array([-1.5, -1, -1 + 1.4 / 255, 2.0, 0.2, 1.0], np.float32)
    image = to_image(np.broadcast_to(values, (1, 3, 1, 6)).astype(np.float32))
    assert image[0, :, 0].tolist() == [0, 0, 1, 255, 153, 255]


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_image(np.full((1, 3, 4, 4), np.nan, np.float32))


def test_pictures_of_the_right_size_are_not_resampled() -> None:
    person, garment, mask = _pictures(*SIZE)
    result = TryOn(Paste(), SIZE)(person, garment, mask)
    expected = np.where(mask[..., None] > 0, garment, person)
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("height, width", [(256, 192), (300, 200), (100, 400), (31, 17)])
def test_pictures_of_any_size_are_fitted(height: int, width: int) -> None:
    person, garment, mask = _pictures(height, width)
    result = TryOn(Paste(), SIZE)(person, garment, mask)
    assert result.shape == (*SIZE, 3)
    assert result.dtype == np.uint8


def test_the_mask_is_computed_when_it_is_not_given() -> None:
    person, garment, mask = _pictures(256, 192)
    runtime = Paste()
    TryOn(runtime, (256, 192))(person, garment)
    assert ((runtime.inputs["garment_mask"][0, 0] > 0.5) == (mask > 127)).mean() > 0.99


def test_a_mask_of_another_picture_is_refused() -> None:
    person, garment, mask = _pictures(*SIZE)
    with pytest.raises(ValueError, match=r"47x64 pixels and the garment 48x64"):
        TryOn(Paste(), SIZE)(person, garment, mask[:, 1:])


class Painting(Runtime):
    """Shows what it was given as the person's mask."""

    inputs = ("person", "garment", "agnostic_mask")

    def __call__(self, inputs: Tensors) -> Tensors:
        assert set(inputs) == set(self.inputs)
        return {"image": np.repeat(inputs["agnostic_mask"] * 2 - 1, 3, 1)}

    def describe(self) -> dict[str, Any]:
        return {}


def test_a_network_that_paints_inside_a_mask_gets_it_fitted_as_the_person() -> None:
    person, garment, _ = _pictures(256, 256)
    mask = np.zeros((256, 256), np.uint8)
    mask[64:128, 96:160] = 255
    image = TryOn(Painting(), (128, 96))(person, garment, None, mask)
    assert image[34:62, 34:62].min() == 255
    assert image[:30].max() == 0


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((64, 48), np.uint8), "the person's mask is empty"),
        (np.full((64, 48), 255, np.uint8), "covers the whole picture"),
        (np.eye(48, dtype=np.uint8) * 255, "48x48 pixels and the person 48x64"),
        (None, "none is given: person_mask=FILE"),
    ],
)
def test_a_persons_mask_that_cannot_be_used_is_one_line(mask: Any, message: str) -> None:
    person, garment, _ = _pictures(64, 48)
    with pytest.raises(ValueError, match=message):
        TryOn(Painting(), (32, 24))(person, garment, None, mask)
