"""The computed mask covers the garment on light, dark, shaded and noisy grounds, and nothing where there is none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from vtoncompress.data.base import Image
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.garment_mask import find_garment
from vtoncompress.image import read_image, read_mask

PHOTOS = Path(__file__).parents[2] / "shared" / "photos" / "viton_test"


def _iou(mask: Image, truth: Image) -> float:
    first, second = mask > 127, truth > 127
    return float((first & second).sum() / (first | second).sum())


def _shirt() -> NDArray[np.float64]:
    """Coverage (128, 96) of a T-shape whose sleeves leave open gaps."""
    shape = np.zeros((256, 192))
    shape[40:220, 60:132] = 1
    shape[40:80, 24:168] = 1
    return ndimage.zoom(ndimage.gaussian_filter(shape, 1), 0.5, order=1)


def _paint(colour: tuple[int, int, int], ground: NDArray[np.float64] | float) -> Image:
    share = _shirt()[..., None]
    return (np.array(colour) * share + (np.zeros((128, 96, 3)) + ground) * (1 - share)).round().astype(np.uint8)


TRUTH = (_shirt() * 255).astype(np.uint8)


@pytest.mark.parametrize("ground", [255, 128, 20])
@pytest.mark.parametrize("colour", [(200, 30, 40), (60, 60, 70), (235, 235, 228)])
def test_any_garment_on_any_plain_ground(colour: tuple[int, int, int], ground: int) -> None:
    assert _iou(find_garment(_paint(colour, ground)), TRUTH) > 0.97


def test_gradient_noise_and_jpeg() -> None:
    ground = np.linspace(190, 230, 128)[:, None, None] + np.random.default_rng(0).normal(0, 2, (128, 96, 3))
    buffer = io.BytesIO()
    Pillow.fromarray(_paint((90, 40, 60), ground)).save(buffer, "JPEG", quality=75)
    assert _iou(find_garment(np.asarray(Pillow.open(buffer))), TRUTH) > 0.95


def test_soft_shadow_is_not_garment() -> None:
    shadow = ndimage.gaussian_filter(np.roll(_shirt(), (3, 3), (0, 1)), 4)[..., None]
    assert _iou(find_garment(_paint((150, 20, 30), 250 - 10 * shadow)), TRUTH) > 0.95


def test_white_on_white_is_found_by_its_outline() -> None:
    picture = _paint((255, 255, 255), 255).astype(int)
    share = _shirt()
    outline = (share > 0.3) & (share < 0.9)
    picture[outline] -= 12
    assert _iou(find_garment(picture.astype(np.uint8)), TRUTH) > 0.9


def test_holes_are_filled_and_specks_removed() -> None:
    picture = _paint((30, 60, 160), 255)
    picture[60:75, 40:55] = 255
    picture[5:8, 5:8] = 0
    mask = find_garment(picture)
    assert (mask[60:75, 40:55] == 255).all()
    assert not mask[:12, :12].any()


def test_a_large_photo_gets_a_mask_of_its_size() -> None:
    large = np.asarray(Pillow.fromarray(_paint((30, 60, 160), 255)).resize((1152, 1536)))
    mask = find_garment(large)
    assert mask.shape == (1536, 1152)
    assert _iou(mask, np.asarray(Pillow.fromarray(TRUTH).resize((1152, 1536)))) > 0.97


def test_no_garment_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="give its mask"):
        find_garment(np.full((128, 96, 3), 255, np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (128, 96, 3)).astype(np.uint8)
    with pytest.raises(ValueError, match="plain background"):
        find_garment(noise)


@pytest.mark.parametrize(
    "ground, mean, worst", [(None, 0.99, 0.95), ((110, 120, 130), 0.96, 0.9), ((24, 22, 30), 0.95, 0.7)]
)
def test_generated_garments(ground: tuple[int, int, int] | None, mean: float, worst: float) -> None:
    scores = []
    for pair in Synthetic("test", 12, 128, 96):
        garment = pair.garment
        if ground is not None:
            share = pair.garment_mask[..., None] / 255
            garment = (garment * share + np.array(ground) * (1 - share)).round().astype(np.uint8)
        scores.append(_iou(find_garment(garment), pair.garment_mask))
    assert np.mean(scores) > mean
    assert min(scores) > worst


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real photos are not part of the repository")
def test_real_garments() -> None:
    files = sorted((PHOTOS / "test_clothes").iterdir())
    assert len(files) == 4
    for file in files:
        assert _iou(find_garment(read_image(file)), read_mask(PHOTOS / "test_edge" / file.name)) > 0.99
