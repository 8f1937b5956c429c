"""A folder of pictures: which, of what size and encoding, and read one after the other."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image as Pillow
from PIL.JpegImagePlugin import JpegImageFile

from vtoncompress.data.base import Image
from vtoncompress.image import FORMATS, read_image, resize

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
CHUNK = 32


def find_pictures(option: str, folder: Path) -> dict[str, Path]:
    """File name without suffix -> file, by name; those in folders below are none of them.

    Raises:
        ValueError: no folder, none in it, or two of one name.
    """
    if not folder.is_dir():
        raise ValueError(f"{option}={folder} is no folder: correct the path")
    files = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not files:
        raise ValueError(f"{option}={folder} has no picture ({', '.join(SUFFIXES)}): name the folder that holds them")
    if doubled := [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]:
        raise ValueError(f"{option}={folder} has several pictures called {doubled[0]}: remove all but one")
    return {file.stem: file for file in files}


def encodings(files: Sequence[Path]) -> str:
    """By their content, such as "PNG", with counts where they differ.

    JPEGs are told apart by the hash of their quantization tables, which are what a quality setting decides.

    Raises:
        ValueError: a file that is no picture.
    """
    found = Counter(_encoding(file) for file in files)
    return ", ".join(found) if len(found) == 1 else ", ".join(f"{count} {name}" for name, count in found.most_common())


def _encoding(file: Path) -> str:
    try:
        with warnings.catch_warnings(action="ignore"), Pillow.open(file, formats=FORMATS) as picture:
            name = str(picture.format)
            tables = picture.quantization if isinstance(picture, JpegImageFile) else None
    except Exception as error:  # as many as Pillow has decoders
        read_image(file)  # says what is wrong
        raise ValueError(f"{file} is damaged: get it again") from error
    return name if tables is None else f"JPEG (tables {names_hash([str(sorted(tables.items()))])[:8]})"


def names_hash(lines: Sequence[str]) -> str:
    """First 16 hex digits of the SHA-256 of the lines, as of a data set's pair list."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def read_chunks(files: Sequence[Path], size: tuple[int, int] | None, resizing: str) -> Iterator[list[Image]]:
    """All pictures in order, 32 at a time; the next are decoded while the caller works on these.

    Args:
        files: to be read.
        size: (height, width) that they have, or get; None for each its own.
        resizing: one of :data:`vtoncompress.image.RULES`, or ``refuse``: another size is an error.

    Raises:
        ValueError: a picture that can't be read, or of another size; names the file.
    """

    def read(start: int) -> list[Image]:
        return [_read(file, size, resizing) for file in files[start : start + CHUNK]]

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(read, 0)
        for start in range(0, len(files), CHUNK):
            chunk = ahead.result()
            if start + CHUNK < len(files):
                ahead = pool.submit(read, start + CHUNK)
            yield chunk


def _read(file: Path, size: tuple[int, int] | None, resizing: str) -> Image:
    picture = read_image(file)
    if size is None or picture.shape[:2] == size:
        return picture
    if resizing == "refuse":
        raise ValueError(
            f"{file} is {picture.shape[1]}x{picture.shape[0]} pixels and the protocol {size[1]}x{size[0]}: make it so, "
            "or say protocol.resizing=bicubic"
        )
    return resize(picture, size, resizing)
