"""Grids of pictures, and the page that shows them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from vtoncompress.fingerprint import module_hashes
from vtoncompress.picture_grid import GAP, HEADER, difference, write_grid


def picture(value: int, height: int = 32, width: int = 24) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_a_grid_holds_the_pictures_unchanged_in_their_places(tmp_path: Path) -> None:
    random = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 24, 3), dtype=np.uint8)
    path = tmp_path / "new" / "grid.png"
    write_grid(path, [list(row) for row in random], ["a", "b", "c"])
    grid = np.asarray(Pillow.open(path).convert("RGB"))
    assert grid.shape == (HEADER + GAP + 2 * (32 + GAP), GAP + 3 * (24 + GAP), 3)
    for row in range(2):
        for column in range(3):
            top, left = HEADER + GAP + row * (32 + GAP), GAP + column * (24 + GAP)
            np.testing.assert_array_equal(grid[top : top + 32, left : left + 24], random[row, column])
    assert os.listdir(path.parent) == ["grid.png"]


def test_titles_stay_within_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    write_grid(path, [[picture(255)] * 3], ["", "pruned_0.2_finetuned_nncf_ptq_openvino", ""])
    header = np.asarray(Pillow.open(path).convert("L"))[:HEADER]
    inked = np.flatnonzero((header < 200).any(0))
    left = GAP + 24 + GAP
    assert len(inked)
    assert left - 1 <= inked[0]
    assert inked[-1] <= left + 24


def test_masks_may_stand_beside_pictures(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.png", [[picture(9), picture(200)[..., 0]]], ["picture", "mask"])
    grid = np.asarray(Pillow.open(tmp_path / "grid.png").convert("RGB"))
    assert (grid[HEADER + GAP + 5, 2 * GAP + 24 + 5] == 200).all()


def test_a_difference_is_amplified_and_black_where_pictures_agree() -> None:
    first, second = picture(100), picture(100)
    second[0, 0] = (110, 90, 255)
    result = difference(first, second, gain=4)
    assert result[0, 0].tolist() == [40, 40, 255]
    assert not result[1:].any()
    np.testing.assert_array_equal(result, difference(second, first, gain=4))


def test_drawing_grids_does_not_depend_on_how_tables_look() -> None:
    # Otherwise every change of a table's layout would have all pictures made and measured again.
    assert "vtoncompress.table" not in module_hashes(["vtoncompress.picture_grid"])
