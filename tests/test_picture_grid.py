"""Grids of pictures, and the page that shows them."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from vtoncompress.fingerprint import module_hashes
from vtoncompress.page import write_page
from vtoncompress.picture_grid import GAP, HEADER, difference, grid_path, write_grid
from vtoncompress.record import Record


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


@pytest.fixture
def page(tmp_path: Path) -> str:
    done = Record("dense_int8", protocol="generated", values={"ssim_garment": 0.671, "latency_ms_p50": 8.1})
    failed = Record("broken", protocol="generated", status="failed", reason="<b>no</b> memory & no time")
    write_grid(grid_path(tmp_path, "dense_int8"), [[picture(1), picture(2)]], ["a", "b"])
    return write_page(tmp_path, [done, failed]).read_text()


def test_the_page_shows_each_variants_numbers_and_grid(page: str) -> None:
    assert re.search(r'<img src="pictures/dense_int8\.png" width=\d+ height=\d+ loading=lazy alt="[^"]+">', page)
    assert "garment SSIM 0.671 · p50 (ms) 8.1" in page
    assert page.count("<img") == 1
    assert "No pictures." in page
    assert 'href="#broken"' in page
    assert 'id="broken"' in page


def test_the_page_asks_nobody_for_anything(page: str) -> None:
    assert "<script" not in page
    assert "//" not in page
    assert "width=device-width" in page


def test_text_from_records_is_no_markup(page: str) -> None:
    assert "failed: &lt;b&gt;no&lt;/b&gt; memory &amp; no time" in page
    assert "<b>" not in page


def test_the_pages_elements_are_closed(page: str) -> None:
    open_elements: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "img"):
                open_elements.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_elements.pop() == tag

    Check().feed(page)
    assert not open_elements


def test_drawing_grids_does_not_depend_on_how_tables_look() -> None:
    # Otherwise every change of a table's layout would have all pictures made and measured again.
    assert "vtoncompress.table" not in module_hashes(["vtoncompress.picture_grid"])
