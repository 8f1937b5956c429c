"""The pictures are the grid's own, and which are shown follows from their errors."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from tests.report.conftest import SIZE
from vtoncompress.data.base import Image, Pair, TryOnData
from vtoncompress.pair_error import PAIR_ERROR
from vtoncompress.picture_grid import chosen_path, difference, grid_path, write_grid
from vtoncompress.record import Record
from vtoncompress.report.pictures import gallery, read_grid
from vtoncompress.stage.chosen_pairs import WITHOUT_TRUTH, choose


def pixels(address: str) -> np.ndarray:
    assert address.startswith("data:image/webp;base64,")
    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB"))


def test_typical_and_worst_by_the_difference_to_the_truth(folder: Path, records: list[Record]) -> None:
    dense, int8 = records[2], records[3]  # which differ from the truth by 3, 7, 5 and by 4, 8, 6 levels
    shown = gallery(folder, int8, dense)
    assert shown is not None
    assert [(one.why, one.pair, one.error) for one in shown.shown] == [("typical", 3, 6.0), ("worst", 2, 8.0)]
    assert "truth" in shown.error
    assert shown.titles == ("person", "garment", "truth", "dense result", "this result", "difference ×3")
    person, garment, truth, other, result, apart = map(pixels, shown.shown[1].pictures)
    assert (person == 201).all()
    assert (garment == 151).all()
    assert (truth == 101).all()
    assert (other == 101 + 7).all()
    assert (result == 101 + 8).all()
    np.testing.assert_array_equal(apart, difference(other, result))


class Grey(TryOnData):
    """Pairs that tell themselves apart by the level of their grey; ``truth`` is that of all pairs, if there is one."""

    def __init__(self, count: int, truth: int | None) -> None:
        self.count, self.truth = count, truth

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: Any) -> Any:
        if place >= self.count:
            raise IndexError
        truth = None if self.truth is None else grey(self.truth)
        return Pair(str(place), grey(place), grey(place + 100), grey(255)[..., 0], truth)

    def pair_list(self) -> list[str]:
        return [str(place) for place in range(self.count)]


def grey(level: int) -> Image:
    return np.full((*SIZE, 3), level, np.uint8)


def result(pair: Pair, _: int = 0) -> Image:
    """Further from 50 from pair to pair, but for pair 17, which is furthest."""
    return grey(150 if pair.name == "17" else 50 + int(pair.name))


def test_the_row_s_own_stage_chooses_among_all_pairs(folder: Path, records: list[Record]) -> None:
    data, int8, path = Grey(40, truth=50), records[3], chosen_path(folder, "int8")
    errors = [float(np.abs(result(pair).astype(int) - 50).mean()) for pair in data]
    found = choose(data, result, lambda pair, place: grey(60), errors, path)
    int8.details[PAIR_ERROR] = found.details
    shown = gallery(folder, int8, records[2])
    assert shown is not None
    # Without pair 17 the errors are 0 to 39, and 100 comes last: the 20th of them is 20, for 17 is not there.
    assert [(one.why, one.pair, one.error) for one in shown.shown] == [("typical", 21, 20.0), ("worst", 18, 100.0)]
    assert (shown.pairs, "truth" in shown.error) == (40, True)
    assert 37 < shown.most < 39
    levels = [int(pixels(address)[0, 0, 0]) for address in shown.shown[1].pictures]
    assert levels == [17, 117, 50, 60, 150, 255]


def test_pairs_without_truth_are_held_against_the_dense_network(folder: Path, records: list[Record]) -> None:
    data, int8 = Grey(40, truth=None), records[3]
    int8.details[PAIR_ERROR] = choose(data, result, lambda *_: grey(53), [], chosen_path(folder, "int8")).details
    shown = gallery(folder, int8, None)
    assert shown is not None
    assert (shown.pairs, "dense result" in shown.error) == (WITHOUT_TRUTH, True)
    assert [(one.why, one.pair, one.error) for one in shown.shown] == [("typical", 8, 4.0), ("worst", 16, 12.0)]
    assert shown.titles == ("person", "garment", "dense result", "this result", "difference ×3")
    assert [int(pixels(address)[0, 0, 0]) for address in shown.shown[0].pictures] == [7, 107, 53, 57, 12]


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
    assert read_grid(grid_path(folder, "broken"), records[-1]) == []
    assert gallery(folder, records[-1], records[2]) is None


def test_without_a_dense_row_its_columns_stay_empty(folder: Path, records: list[Record]) -> None:
    shown = gallery(folder, records[3], None)
    assert shown is not None
    assert [bool(address) for address in shown.shown[0].pictures] == [True, True, True, False, True, False]
