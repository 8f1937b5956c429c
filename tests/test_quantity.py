"""Sizes and ages are read with their unit, or not at all."""

import pytest

from vtoncompress.quantity import parse_age, parse_size, show_age, show_size


@pytest.mark.parametrize(
    "text, size",
    [
        ("2GB", 2 * 10**9), ("500MB", 5 * 10**8), ("1.5 GiB", 3 * 2**29), ("7kb", 7000), ("7KiB", 7168), ("3B", 3),
        ("1TB", 10**12), ("1TiB", 2**40), ("0", 0), (0, 0), (".5MiB", 2**19),
    ],
)  # fmt: skip
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text, "max_size") == size


@pytest.mark.parametrize("text", ["", "2", 2, 2e9, "2G", "-1GB", "GB", "2GBs", "two GB", "1e3MB", None, "1,5GB"])
def test_what_may_be_meant_otherwise_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match=r"max_size=.* with its unit, such as max_size=2GB or 500MiB"):
        parse_size(text, "max_size")


@pytest.mark.parametrize(
    "text, seconds",
    [("90s", 90), ("30min", 1800), ("12h", 43200), ("1.5d", 129600), ("2w", 1209600), ("0", 0), (0, 0), ("0d", 0)],
)
def test_ages(text: object, seconds: float) -> None:
    assert parse_age(text, "min_age") == seconds


@pytest.mark.parametrize("text", ["", "3", 3, "3m", "-1d", "1d12h"])
def test_what_may_be_meant_otherwise_is_no_age(text: object) -> None:
    with pytest.raises(ValueError, match=r"min_age=.* with its unit, such as min_age=12h, 30min or 7d"):
        parse_age(text, "min_age")


def test_shown() -> None:
    assert [show_size(size) for size in (999, 1500, 2 * 10**9)] == ["999 bytes", "1.5 kB", "2.0 GB"]
    ages = [show_age(seconds) for seconds in (-1, 0.4, 119, 120, 7199, 7200, 172799, 172800, 10**7)]
    assert ages == ["0 s", "0 s", "119 s", "2 min", "120 min", "2 h", "48 h", "2 d", "116 d"]
