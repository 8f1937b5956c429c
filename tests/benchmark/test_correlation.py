"""The benchmark's forms compute the same, and its table follows from the samples; no time is asserted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from vtoncompress.benchmark.candidates import LOOP_ANEW, NAMES, Level, candidates, pyramid_levels
from vtoncompress.benchmark.command import benchmark, check
from vtoncompress.benchmark.floor import MEGABYTES, SIDE, Rates, rates
from vtoncompress.benchmark.result import Result, _disturbances, to_table

CONFIG = {
    "name": "correlation", "size": [24, 20], "channels": 3, "levels": 2, "threads": 1, "warmup": 0, "repetitions": 2,
}  # fmt: skip


def test_every_form_computes_the_correlation() -> None:
    level = Level(5, 7, 13)
    forms, features = candidates(level, 1), level.features()
    assert forms.keys() == NAMES.keys() - {LOOP_ANEW}
    expected = forms["loop"](*features)
    for form in forms.values():
        torch.testing.assert_close(torch.as_tensor(form(*features)), expected, rtol=1e-4, atol=1e-5)


def test_levels_are_those_of_the_network() -> None:
    levels = pyramid_levels(256, (256, 192), 5)
    assert [(level.height, level.width) for level in levels] == [(128, 96), (64, 48), (32, 24), (16, 12), (8, 6)]
    assert 2e-9 * sum(level.macs for level in levels) == pytest.approx(0.41, abs=0.01)  # GFLOP, 256 x 49 a pixel


def test_the_floor_is_the_longer_of_computing_and_moving() -> None:
    level = Level(10, 100, 100)
    macs, megabytes = 10 * 49 * 10_000, 4 * (20 + 49) / 100
    assert Rates(1.0, 0.5, 1e9).floor_ms(level, 0.5) == pytest.approx(2 * macs / 1e9 / 0.5 * 1e3)
    assert Rates(0.5, 1e9, 1.0).floor_ms(level, 1e9) == pytest.approx(megabytes / 1e3 * 1e3)
    found = rates(product_ms=10, copy_ms=20, convolution_gmacs_per_s=3)
    assert found.product_gflops_per_s == pytest.approx(2 * SIDE**3 / 1e9 / 0.01)
    assert found.convolution_gflops_per_s == 6
    assert found.gigabytes_per_s == pytest.approx(2 * MEGABYTES / 1e3 / 0.02)


def test_the_table_has_medians_sums_and_ratios() -> None:
    levels = [Level(256, 8, 6), Level(256, 4, 3)]
    samples = [
        {"loop": [8.0, 1.0, 6.0], "loop_anew": [9.0], "ours": [2.0]},
        {"loop": [2.0], "loop_anew": [7.0], "ours": [3.0, 1.0]},
    ]
    told = {"cpu": "", "threads": 1, "cores_used": [0], "instruction_set": [], "allocator": "kept", "load_average": 0}
    told |= {"versions": dict.fromkeys(("torch", "numba", "openvino"), ""), "repetitions": 3, "warmup": 0}
    table = to_table(Result(levels, samples, Rates(1.0, 0.5, 1e9), told | {"first_call_s": 1}))
    by_product, by_convolution = f"{8 / 1.50528:.1f}", f"{8 / 3.01056:.1f}"
    assert table.rows[0] == [
        "the seed's loop, memory kept", "6.00", "2.00", "8.00", "1.00", "2.00", by_product, by_convolution
    ]  # fmt: skip
    assert table.rows[1][3:6] == ["16.00", "0.50", "1.00"]
    assert table.rows[2][1:6] == ["2.00", "2.00", "4.00", "2.00", "4.00"]
    assert table.rows[3][:4] == ["floor by a matrix product", "1.20", "0.30", "1.51"]
    assert table.rows[4][:4] == ["floor by the fastest convolution", "2.41", "0.60", "3.01"]


def test_the_command_writes_tables_and_every_sample(tmp_path: Path) -> None:
    benchmark({**CONFIG, "results": str(tmp_path)})
    folder, threads = tmp_path / "correlation", torch.get_num_threads()
    raw = json.loads((folder / "correlation.json").read_text())
    assert [len(times) for level in raw["samples_ms"] for times in level.values()] == [2] * 2 * len(NAMES)
    assert raw["protocol"]["threads"] == 1
    assert torch.get_num_threads() == threads
    rows = list(csv.DictReader((folder / "correlation.csv").open()))
    assert [(row["form"], row["level"]) for row in rows] == [(form, level) for level in "01" for form in NAMES]
    assert "the seed's im2col" in (folder / "correlation.md").read_text()


def test_what_was_disturbed_is_named() -> None:
    samples = [{"loop": [1.0, 1.0, 2.0, 2.0], "ours": [1.0] * 4}]
    assert _disturbances(Result([Level(4, 2, 2)], samples, Rates(1, 1, 1), {})) == [
        "Disturbed while timed: the seed's loop, memory kept at 4x2x2 quartiles 1.0 and 2.0 ms."
    ]
    assert _disturbances(Result([Level(4, 2, 2)], [{"ours": [1.0] * 4}], Rates(1, 1, 1), {})) == []


@pytest.mark.parametrize(
    "option, message",
    [
        ({"repetitions": 0}, "repetitions=0"),
        ({"repetitions": "x"}, "repetitions=x: a whole number is needed"),
        ({"size": [64, 3]}, "no pixel"),
        ({"size": 64}, "size=64: two whole numbers are needed"),
        ({"size": [64, 2.5]}, "two whole numbers are needed"),
        ({"channels": 2.5}, "channels=2.5"),
        ({"threads": 4096}, "threads=4096"),
        ({"threads": 0}, "threads=0"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, option: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        benchmark({**CONFIG, **option, "results": str(tmp_path)})
    assert not list(tmp_path.iterdir())
    check(CONFIG)
