"""Generated pairs in the layouts of the real test sets, so that what reads those is tried without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from vtoncompress.data import dress_code, viton, viton_clean, viton_hd
from vtoncompress.data.base import Image
from vtoncompress.data.synthetic import Synthetic, draw_garment
from vtoncompress.data.viton_layout import PAIR_LIST, describe, write_whole
from vtoncompress.image import write_image

Written = Iterator[tuple[str, Image | str]]
"""Path within the folder, and the picture that goes there, or a line to be added to a list."""


def write_dataset(data: Synthetic, layout: str, out: Path, step: Callable[[], None] = lambda: None) -> None:
    """Write all pairs of ``data``: the same files for the same data. Nothing is done where ``out`` holds them already.

    Args:
        data: of the test split.
        layout: one of ``LAYOUTS``.
        out: made if missing, whole or not at all.
        step: called after each pair.

    Raises:
        ValueError: an unknown layout, training pairs, or ``out`` holds something else.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout={layout}: choose one of {', '.join(LAYOUTS)}")
    if data.split != "test":
        raise ValueError(f"split={data.split}: these are layouts of test sets, take split=test")

    def write(folder: Path) -> None:
        for index in range(len(data)):
            for name, content in LAYOUTS[layout](data, index):
                _write(folder / name, content)
            step()

    write_whole(out, {"layout": layout, **describe(data)}, write)


def _write(path: Path, content: Image | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        with path.open("a", encoding="utf-8") as file:
            file.write(content + "\n")
    else:
        write_image(path, content)


def _viton(data: Synthetic, index: int) -> Written:
    return _three_folders(data, index, "", viton.PERSONS, viton.GARMENTS, viton.MASKS)


def _viton_clean(data: Synthetic, index: int) -> Written:
    return _three_folders(data, index, "VITON_test/", viton_clean.PERSONS, viton_clean.GARMENTS, viton_clean.MASKS)


def _three_folders(data: Synthetic, index: int, root: str, persons: str, garments: str, masks: str) -> Written:
    pair = data[index]
    yield f"{root}{persons}/{index:06d}_0.jpg", pair.person
    yield f"{root}{garments}/{index:06d}_1.jpg", pair.garment
    yield f"{root}{masks}/{index:06d}_1.jpg", pair.garment_mask
    yield f"{root}{PAIR_LIST}", f"{index:06d}_0.jpg {index:06d}_1.jpg"


def _viton_hd(data: Synthetic, index: int) -> Written:
    """What a person wears has its name; what it tries on follows the last of those."""
    pair, other = data[index], len(data) + index
    yield f"test/{viton_hd.PERSONS}/{index:05d}_00.jpg", pair.person
    for number, (garment, mask) in ((index, _worn(data, index)), (other, (pair.garment, pair.garment_mask))):
        yield f"test/{viton_hd.GARMENTS}/{number:05d}_00.jpg", garment
        yield f"test/{viton_hd.MASKS}/{number:05d}_00.jpg", mask
    yield PAIR_LIST, f"{index:05d}_00.jpg {other:05d}_00.jpg"


def _dress_code(data: Synthetic, index: int) -> Written:
    """By turns into the three categories, though all that is drawn are tops; no masks, as DressCode has none."""
    pair, other = data[index], len(data) + index
    category = dress_code.CATEGORIES[index % len(dress_code.CATEGORIES)]
    pictures = f"{category}/{dress_code.PICTURES}"
    yield f"{pictures}/{index:06d}_0.jpg", pair.person
    yield f"{pictures}/{index:06d}_1.jpg", _worn(data, index)[0]
    yield f"{pictures}/{other:06d}_1.jpg", pair.garment
    yield f"{category}/test_pairs_paired.txt", f"{index:06d}_0.jpg\t{index:06d}_1.jpg"
    yield f"{category}/test_pairs_unpaired.txt", f"{index:06d}_0.jpg\t{other:06d}_1.jpg"


def _worn(data: Synthetic, index: int) -> tuple[Image, Image]:
    """The in-shop picture of what the person wears in its photo, and its mask."""
    _, worn, _ = data.parameters(index)
    return draw_garment(worn, data.height, data.width)


LAYOUTS: dict[str, Callable[[Synthetic, int], Written]] = {
    "viton": _viton, "viton_clean": _viton_clean, "viton_hd": _viton_hd, "dress_code": _dress_code,
}  # fmt: skip
"""By the names of the data sets in ``conf/data``."""
