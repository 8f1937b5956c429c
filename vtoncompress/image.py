"""Pictures in and out: any file a user may have becomes uint8 RGB, or is refused in one line.

Resizing is Pillow's, with antialiasing: bicubic for pictures, bilinear for masks, which must not overshoot.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from vtoncompress.data.base import Image

RESIZING_RULE = "Pillow bicubic with antialiasing, masks bilinear"
RULES = {"bicubic": Pillow.Resampling.BICUBIC, "lanczos": Pillow.Resampling.LANCZOS}
MIN_SIDE = 16
MAX_MEGAPIXELS = 150
# Larger pictures are halved while reading: no try-on network sees more, and a poster's scan must not fill the memory.
MAX_KEPT_PIXELS = 4096 * 4096
# Only formats decoded within Pillow: others (EPS) would start a program on a file nobody has looked at.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def read_image(path: Path | str) -> Image:
    """The picture in a file as (H, W, 3) uint8 RGB, upright as its EXIF orientation says.

    Transparency is laid on white, 16-bit greys are scaled, CMYK and palettes converted; of an animation the first
    frame counts. Pictures above 16 megapixels are halved until they fit, masks too, so that the two still match.

    Raises:
        ValueError: no such file, not a whole picture, smaller than 16 pixels a side or larger than 150 megapixels.
    """
    return np.asarray(_lay_on("white", _open(Path(path))).convert("RGB"))


def read_mask(path: Path | str) -> Image:
    """The mask in a file as (H, W) uint8, 255 inside; what is transparent counts as outside.

    Raises:
        ValueError: as :func:`read_image`.
    """
    return np.asarray(_lay_on("black", _open(Path(path))).convert("L"))


def read_labels(path: Path | str) -> Image:
    """The label map in a file as (H, W) uint8, one index a pixel, whatever colours a palette gives them.

    Raises:
        ValueError: as :func:`read_image`, and for a picture in colours.
    """
    picture = _open(Path(path))
    if picture.mode not in ("P", "L"):
        raise ValueError(f"{path} is a picture in colours: a label map has one index a pixel, save it in grey")
    return np.asarray(picture)


def write_image(path: Path | str, array: Image) -> None:
    """Write (H, W, 3) or (H, W) uint8 as PNG or JPEG, by suffix: the whole file or none.

    Raises:
        ValueError: another suffix, or a place that can't be written to.
    """
    assert array.dtype == np.uint8, "pictures are uint8"
    path = Path(path)
    kind = _kind(path)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        Pillow.fromarray(array).save(unfinished, kind, quality=95, subsampling=0)
        os.replace(unfinished, path)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}; choose another place") from error
    finally:
        with contextlib.suppress(OSError):  # there is nothing left after success
            unfinished.unlink()


def check_writable(path: Path | str) -> None:
    """ValueError where :func:`write_image` would refuse ``path``: to be asked before a long computation."""
    path = Path(path)
    _kind(path)
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ValueError(f"cannot write to {path.parent}: {error.strerror or error}; choose another folder") from error


def resize(array: Image, size: tuple[int, int], rule: str = "bicubic") -> Image:
    """(H, W, 3) picture or (H, W) mask, uint8, at ``size`` (height, width); the array itself where it has that size.

    Pictures by ``rule``, one of :data:`RULES`, masks bilinearly; all with antialiasing.
    """
    if array.shape[:2] == tuple(size):
        return array
    height, width = size
    resampling = RULES[rule] if array.ndim == 3 else Pillow.Resampling.BILINEAR
    return np.asarray(Pillow.fromarray(array).resize((width, height), resampling))


def centre_crop(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the largest centred part of a picture (H, W, ...) that has the aspect of ``size``."""
    height, width = shape[:2]
    crop_height = min(height, max(1, round(width * size[0] / size[1])))
    crop_width = min(width, max(1, round(height * size[1] / size[0])))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return slice(top, top + crop_height), slice(left, left + crop_width)


def fit_person(array: Image, size: tuple[int, int]) -> Image:
    """Person (H, W, 3) uint8 cropped around its centre to the aspect of ``size`` (height, width), then resized."""
    return resize(array[centre_crop(array.shape, size)], size)


def fit_labels(array: Image, size: tuple[int, int]) -> Image:
    """Labels (H, W) uint8 of a person, cropped as :func:`fit_person` does, each pixel that of the nearest place."""
    height, width = size
    cropped = Pillow.fromarray(np.ascontiguousarray(array[centre_crop(array.shape, size)]))
    return np.asarray(cropped.resize((width, height), Pillow.Resampling.NEAREST))


def fit_garment(array: Image, size: tuple[int, int]) -> Image:
    """Garment (H, W, 3) or its mask (H, W), uint8, resized to fit into ``size`` (height, width) and centred there.

    Around it a picture has its background's colour (the median of its border), a mask 0.
    """
    height, width = array.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
    inner = resize(array, (inner_height, inner_width))
    if (inner_height, inner_width) == tuple(size):
        return inner
    padded = np.empty((*size, *array.shape[2:]), np.uint8)
    padded[:] = background_colour(array) if array.ndim == 3 else 0
    top, left = (size[0] - inner_height) // 2, (size[1] - inner_width) // 2
    padded[top : top + inner_height, left : left + inner_width] = inner
    return padded


def background_colour(picture: Image) -> NDArray[np.uint8]:
    """(3,) uint8: the median colour of the outermost pixels of (H, W, 3)."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    colour: NDArray[np.uint8] = np.median(border, axis=0).astype(np.uint8)
    return colour


class _Refused(Exception):
    """A picture that we don't take; its text completes a sentence that begins with the path."""


def _open(path: Path) -> Pillow.Image:
    """The decoded picture, upright, at most 16 megapixels, 8 bits a channel; :func:`read_image` says what it raises."""
    try:
        if not path.exists():
            raise _Refused("does not exist: check the path")
        if path.is_dir():
            raise _Refused("is a folder: name one picture in it")
        if not path.stat().st_size:
            raise _Refused("is empty: get it again")
        with warnings.catch_warnings(action="ignore"), Pillow.open(path, formats=FORMATS) as picture:
            _check_size(*picture.size)
            return ImageOps.exif_transpose(_to_8_bits(_decode(picture)))
    except _Refused as error:
        raise ValueError(f"{path} {error}") from None
    except PermissionError as error:
        raise ValueError(f"{path} can't be read: you have no permission") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not a picture, or a damaged one: use one of {', '.join(FORMATS)}") from error
    except Pillow.DecompressionBombError as error:
        raise ValueError(f"{path} has more than {MAX_MEGAPIXELS} megapixels: make it smaller") from error
    except MemoryError as error:
        raise ValueError(f"{path} does not fit into memory: make it smaller") from error
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        raise ValueError(f"{path} is damaged or cut short: get it again") from error


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise _Refused(f"is {width}x{height} pixels: at least {MIN_SIDE} a side are needed")
    if width * height > MAX_MEGAPIXELS * 1e6:
        raise _Refused(f"is {width}x{height} pixels: at most {MAX_MEGAPIXELS} megapixels, make it smaller")


def _decode(picture: Pillow.Image) -> Pillow.Image:
    """Decoded, both sides halved until at most 16 megapixels are left."""
    width, height = picture.size
    factor = 1
    while width * height > MAX_KEPT_PIXELS * factor**2 and min(width, height) >= 2 * factor * MIN_SIDE:
        factor *= 2
    picture.draft(None, (width // factor, height // factor))  # JPEG can decode at 1/2, 1/4 or 1/8 and saves the rest
    picture.load()
    left = factor * picture.width // width
    if left <= 1:
        return picture
    if picture.mode in ("P", "1"):  # averages of palette entries are no colours
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return _to_8_bits(picture).reduce(left)


def _to_8_bits(picture: Pillow.Image) -> Pillow.Image:
    """16-bit greys scaled to 8 bits; Pillow itself would clip them. Other pictures as they are."""
    if picture.mode in ("I", "F"):
        raise _Refused("has 32 bits a channel, of no known range: save it with 8 or 16")
    if not picture.mode.startswith("I;16"):
        return picture
    table = np.round(np.arange(65536) / 257).astype(np.uint8)
    return Pillow.fromarray(table[np.asarray(picture)])


def _lay_on(colour: str, picture: Pillow.Image) -> Pillow.Image:
    if not picture.has_transparency_data:
        return picture
    layer = picture.convert("RGBA")
    ground = Pillow.new("RGBA", layer.size, colour)
    ground.alpha_composite(layer)
    return ground


def _kind(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"cannot write {path}: its name must end in one of {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix.lower()]
