"""How pictures are encoded is read from them, whatever their names say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.data.damage import huge
from vtoncompress.evaluation.pictures import encodings


@pytest.fixture
def picture() -> Pillow.Image:
    return Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (32, 24, 3), np.uint8))


def test_the_content_counts_and_not_the_suffix(picture: Pillow.Image, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("0.jpg", "1.png", "2.png")]
    for file, kind in zip(files, ("PNG", "PNG", "WEBP"), strict=True):
        picture.save(file, kind)
    assert encodings(files[:2]) == "PNG"
    assert encodings(files) == "2 PNG, 1 WEBP"


def test_jpegs_differ_by_their_quality(picture: Pillow.Image, tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.jpg" for index in range(3)]
    for file, quality in zip(files, (95, 95, 75), strict=True):
        picture.save(file, quality=quality)
    one, same, other = (encodings([file]) for file in files)
    assert one.startswith("JPEG (tables ")
    assert one == same != other
    assert encodings(files) == f"2 {one}, 1 {other}"


@pytest.mark.parametrize(
    "damage, reason",
    [(lambda path: path.write_bytes(b"\x89PNG and no more"), "not a picture"), (huge, "150 megapixels")],
)
def test_what_can_t_be_read_is_named(damage: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    damage(tmp_path / "0.png")
    with pytest.raises(ValueError, match=rf"0\.png .*{reason}"):
        encodings([tmp_path / "0.png"])
