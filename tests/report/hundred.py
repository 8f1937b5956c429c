"""A report of a hundred variants: its size, and how long it takes to write and to open.

``python -m tests.report.hundred [--variants 100]``. The variants are copies of the quickstart's rows, pictures too,
with other figures; a seventh of them failed. Where Chromium and Playwright are installed the page is opened too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browser import chromium
from vtoncompress.picture_grid import chosen_path, grid_path
from vtoncompress.record import ROOT, Record, read_all
from vtoncompress.report.write import write_report

SOURCE = ROOT / "results" / "quickstart"


def many(count: int, folder: Path) -> list[Record]:
    """``count`` variants beside the rows that frame them, with a grid of pictures each."""
    chance = random.Random(0)
    rows = read_all(SOURCE)
    variants = [one for one in rows if one.role == "variant"]
    made = [one for one in rows if one.role != "variant"]
    for number in range(count):
        one = variants[number % len(variants)]
        values = {name: value * chance.uniform(0.7, 1.3) for name, value in one.values.items()}
        failed = number % 7 == 6
        made.append(
            replace(
                one,
                variant=f"{one.variant}-{number}",
                order=number,
                values={} if failed else values,
                status="failed" if failed else "done",
                reason="out of memory: use fewer workers" if failed else "",
            )
        )
        for path in (grid_path, chosen_path):
            target = path(folder, made[-1].variant)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path(SOURCE, one.variant), target)
    return made


def main() -> None:
    """Write the page, and open it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=100)
    count = parser.parse_args().variants
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "hundred"
        records = many(count, folder)
        begun = time.perf_counter()
        page = write_report(folder, records)
        print(f"{count} variants: written in {time.perf_counter() - begun:.1f} s, {page.stat().st_size / 1e6:.2f} MB")
        try:
            with chromium() as browser:
                tab = browser.new_page()
                begun = time.perf_counter()
                tab.goto(page.as_uri(), wait_until="load")
                print(
                    f"opened in {time.perf_counter() - begun:.2f} s, {tab.locator('tbody tr').count()} rows in tables"
                )
        except pytest.skip.Exception as reason:
            print(f"not opened: {reason}")


if __name__ == "__main__":
    main()
