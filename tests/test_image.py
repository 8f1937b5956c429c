"""Every picture a user may have gives the right result or one clear line, and nothing is left half-written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from vtoncompress.image import (
    check_writable,
    fit_garment,
    fit_person,
    read_image,
    read_mask,
    resize,
    write_image,
)


@pytest.fixture
def photo() -> Pillow.Image:
    """40 x 60 (width x height): red above, blue below, so that turning it shows."""
    array = np.zeros((60, 40, 3), np.uint8)
    array[:30, :, 0] = 200
    array[30:, :, 2] = 100
    return Pillow.fromarray(array)


def _error(path: Path) -> str:
    with pytest.raises(ValueError, match=re.escape(path.name)) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_lossless_picture_comes_back_as_it_was(tmp_path: Path, photo: Pillow.Image) -> None:
    write_image(tmp_path / "a.png", np.asarray(photo))
    assert np.array_equal(read_image(tmp_path / "a.png"), np.asarray(photo))


def test_jpeg_comes_back_nearly(tmp_path: Path, photo: Pillow.Image) -> None:
    write_image(tmp_path / "a.jpg", np.asarray(photo))
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - np.asarray(photo)).mean() < 2


@pytest.mark.parametrize("mode", ["L", "1", "LA", "RGBA", "P", "CMYK"])
def test_modes_become_rgb(tmp_path: Path, photo: Pillow.Image, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    photo.convert(mode).save(path)
    expected = np.asarray(photo.convert(mode).convert("RGB"))
    assert np.abs(read_image(path).astype(int) - expected).max() <= 1


def test_adobe_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    Pillow.new("CMYK", (32, 32), (255, 0, 0, 0)).save(tmp_path / "cyan.jpg", quality=95)
    red, green, blue = read_image(tmp_path / "cyan.jpg")[16, 16]
    assert red < 10
    assert green > 245
    assert blue > 245


def test_transparency_is_laid_on_white_and_is_outside_of_a_mask(tmp_path: Path, photo: Pillow.Image) -> None:
    half = photo.convert("RGBA")
    half.putalpha(Pillow.fromarray(np.repeat([[0, 255]], 20, 1).astype(np.uint8)).resize((40, 60), 0))
    half.save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    assert (picture[:, :20] == 255).all()
    assert np.array_equal(picture[:, 20:], np.asarray(photo)[:, 20:])
    white = Pillow.new("LA", (40, 60), (255, 0))
    white.save(tmp_path / "m.png")
    assert not read_mask(tmp_path / "m.png").any()


def test_palette_with_transparency(tmp_path: Path) -> None:
    picture = Pillow.new("P", (20, 20), 1)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [255, 255, 255]
    assert read_image(tmp_path / "a.png")[5, 5].tolist() == [200, 100, 50]


def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64).round().astype(np.uint16)
    Pillow.fromarray(np.tile(levels, (32, 1))).save(tmp_path / "a.png")
    expected = np.round(levels / 257)
    assert np.array_equal(read_image(tmp_path / "a.png")[7, :, 1], expected)
    assert np.array_equal(read_mask(tmp_path / "a.png")[7], expected)


def test_exif_orientation_is_applied(tmp_path: Path, photo: Pillow.Image) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    photo.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(np.asarray(photo), -1))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_torn_pictures_are_refused(tmp_path: Path, name: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Pillow.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
    _error(tmp_path / name)


def test_progressive_jpeg_cut_in_its_last_scan_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Pillow.fromarray(noise).save(path, progressive=True)
    path.write_bytes(path.read_bytes()[:-20])
    assert "damaged" in _error(path)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in _error(tmp_path / "nothing.png")
    assert "folder" in _error(tmp_path)
    (tmp_path / "text.png").write_text("not a picture")
    assert "not a picture" in _error(tmp_path / "text.png")
    (tmp_path / "empty.png").write_bytes(b"")
    assert "empty" in _error(tmp_path / "empty.png")
    Pillow.new("F", (32, 32)).save(tmp_path / "float.tif")
    assert "32 bits" in _error(tmp_path / "float.tif")


def test_a_postscript_file_starts_no_interpreter(tmp_path: Path, photo: Pillow.Image) -> None:
    photo.save(tmp_path / "a.jpg", "EPS")
    assert "not a picture" in _error(tmp_path / "a.jpg")


def test_too_small(tmp_path: Path) -> None:
    Pillow.new("RGB", (1, 1)).save(tmp_path / "a.png")
    assert "1x1" in _error(tmp_path / "a.png")
    assert "at least 16" in _error(tmp_path / "a.png")


def test_too_large_is_refused_before_it_is_decoded(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    Pillow.new("1", (13_000, 12_000)).save(tmp_path / "a.png")
    assert "150 megapixels" in _error(tmp_path / "a.png")
    assert not recwarn.list


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_144_megapixels_are_halved_twice(tmp_path: Path, name: str, recwarn: pytest.WarningsRecorder) -> None:
    Pillow.new("L", (12_000, 12_000), 90).save(tmp_path / name, compress_level=1)
    picture = read_image(tmp_path / name)
    assert picture.shape == (3000, 3000, 3)
    assert (picture == 90).all()
    assert not recwarn.list


def test_a_picture_and_its_mask_are_halved_alike(tmp_path: Path) -> None:
    Pillow.new("L", (4099, 4101), 255).save(tmp_path / "a.jpg")
    Pillow.new("1", (4099, 4101), 1).save(tmp_path / "m.png")
    assert read_image(tmp_path / "a.jpg").shape[:2] == read_mask(tmp_path / "m.png").shape == (2051, 2050)


def test_unknown_suffix_and_unwritable_places_are_refused(tmp_path: Path) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for path in (
        tmp_path / "a.gif",
        tmp_path / "missing" / "a.png",
        tmp_path / "folder.png",
        tmp_path / "file" / "a.png",
    ):
        with pytest.raises(ValueError, match="cannot write"):
            check_writable(path)
        with pytest.raises(ValueError, match="cannot write"):
            write_image(path, picture)
    check_writable(tmp_path / "a.png")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder.png"}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(self: Pillow.Image, file: Path, *args: object, **options: object) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pillow.Image, "save", full)
    with pytest.raises(ValueError, match="No space left"):
        write_image(path, np.zeros((20, 20, 3), np.uint8))
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_resize_leaves_a_picture_of_the_right_size_alone() -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    assert resize(picture, (20, 30)) is picture


def test_a_resized_mask_does_not_overshoot() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 20:40] = 200
    assert resize(mask, (100, 100)).max() == 200


def test_person_is_cropped_around_the_centre() -> None:
    wide = np.zeros((40, 90, 3), np.uint8)
    wide[:, 30:60] = 255
    assert (fit_person(wide, (128, 96)) == 255).all()
    tall = np.zeros((120, 30, 3), np.uint8)
    tall[40:80] = 255
    assert (fit_person(tall, (128, 96)) == 255).all()


def test_garment_is_padded_with_its_background_and_its_mask_with_nothing() -> None:
    garment = np.full((40, 90, 3), (10, 20, 30), np.uint8)
    garment[10:30, 20:70] = 255
    fitted = fit_garment(garment, (128, 96))
    assert fitted.shape == (128, 96, 3)
    assert (fitted[:30] == (10, 20, 30)).all()
    mask = fit_garment(np.full((40, 90), 255, np.uint8), (128, 96))
    assert not mask[:42].any()
    assert (mask[45:80] == 255).all()


def test_an_extreme_aspect_needs_no_extreme_memory() -> None:
    assert fit_garment(np.zeros((16, 200_000, 3), np.uint8), (128, 96)).shape == (128, 96, 3)
