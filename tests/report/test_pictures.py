"""The pictures are the grid's own, and which are shown follows from their errors."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from vtoncompress.picture_grid import difference, grid_path, write_grid
from vtoncompress.record import Record
from vtoncompress.report.pictures import gallery, read_grid


def pixels(address: str) -> np.ndarray:
    assert address.startswith("data:image/webp;base64,")
    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB"))


def test_typical_and_worst_by_the_difference_to_the_truth(folder: Path, records: list[Record]) -> None:
    dense, int8 = records[2], records[3]  # which differ from the truth by 3, 7, 5 and by 4, 8, 6 levels
    shown = gallery(folder, int8, dense)
    assert shown is not None
    assert [(one.why, one.pair, one.error) for one in shown.shown] == [("typical", 3, 6.0), ("worst", 2, 8.0)]
    assert "truth" in shown.error
    person, garment, other, result, apart = map(pixels, shown.shown[1].pictures)
    assert (person == 201).all()
    assert (garment == 151).all()
    assert (other == 101 + 7).all()
    assert (result == 101 + 8).all()
    np.testing.assert_array_equal(apart, difference(other, result))


def test_where_there_is_no_truth_the_dense_result_is_what_counts(tmp_path: Path, records: list[Record]) -> None:
    dense, int8 = records[2], records[3]
    for one, levels in ((dense, (10, 10)), (int8, (12, 19))):
        rows = [[np.full((32, 24, 3), level, np.uint8) for level in (1, 2, result)] for result in levels]
        write_grid(grid_path(tmp_path, one.variant), rows, ["person", "garment", "result"])
    shown = gallery(tmp_path, int8, dense)
    assert shown is not None
    assert [(one.why, one.pair, one.error) for one in shown.shown] == [("typical", 1, 2.0), ("worst", 2, 9.0)]
    assert "dense" in shown.error
    assert gallery(tmp_path, int8, None) is None


def test_a_row_without_pictures_shows_none(folder: Path, records: list[Record]) -> None:
    assert read_grid(folder, records[-1]) == []
    assert gallery(folder, records[-1], records[2]) is None


def test_without_a_dense_row_its_columns_stay_empty(folder: Path, records: list[Record]) -> None:
    shown = gallery(folder, records[3], None)
    assert shown is not None
    assert [bool(address) for address in shown.shown[0].pictures] == [True, True, False, True, False]
