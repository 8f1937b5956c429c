"""What may be wrong with a picture on disk, and what is unusual and right."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

Array = np.ndarray
CORNER = np.s_[:8, :8]


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def tiny(path: Path) -> None:
    Pillow.new("RGB", (1, 1)).save(path, "PNG")


def huge(path: Path) -> None:
    """A PNG that claims 20,000x20,000 pixels."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 60_001)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(one)) + name + one + struct.pack(">I", zlib.crc32(name + one)) for name, one in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


DAMAGES: dict[Callable[[Path], None], str] = {
    torn: "damaged or cut short", tiny: "is 1x1 pixels", huge: "150 megapixels"
}  # fmt: skip
"""What spoils a file, and what is said of it."""


def _as_16_bit(picture: Pillow.Image) -> Pillow.Image:
    return Pillow.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


def _rotated(picture: Pillow.Image) -> Pillow.Image:
    turned = picture.transpose(Pillow.Transpose.ROTATE_90)
    turned.getexif()[274] = 6
    return turned


def _transparent(picture: Pillow.Image) -> Pillow.Image:
    alpha = np.full((picture.height, picture.width), 255, np.uint8)
    alpha[CORNER] = 0
    picture = picture.convert("RGBA")
    picture.putalpha(Pillow.fromarray(alpha))
    return picture


def _grey(picture: Array) -> Array:
    return (picture @ (0.299, 0.587, 0.114))[..., None].repeat(3, 2)


def _without_corner(picture: Array) -> Array:
    picture = picture.copy()
    picture[CORNER] = 255
    return picture


def _same(picture: Array) -> Array:
    return picture


KINDS: dict[str, tuple[Callable[[Pillow.Image], Pillow.Image], str, Callable[[Array], Array]]] = {
    "16 bit": (_as_16_bit, "PNG", _grey),
    "CMYK": (lambda picture: picture.convert("CMYK"), "JPEG", _same),
    "CMYK TIFF": (lambda picture: picture.convert("CMYK"), "TIFF", _same),
    "palette": (lambda picture: picture.quantize(256), "PNG", _same),
    "transparent": (_transparent, "PNG", _without_corner),
    "rotated": (_rotated, "JPEG", _same),
}
"""How a picture becomes one of this kind, in which format, and what of its pixels (H, W, 3) is to be read."""


def make_unusual(path: Path, kind: str) -> None:
    """The picture in ``path`` as one of this kind, whatever its name says; a file's content counts."""
    convert, suffix, _ = KINDS[kind]
    converted = convert(Pillow.open(path))
    quality = {"quality": 95, "subsampling": 0} if suffix == "JPEG" else {}
    converted.save(path, suffix, exif=converted.getexif(), **quality)
