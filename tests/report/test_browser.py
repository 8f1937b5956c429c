"""The page in a real browser: nobody else is asked, rows are sorted and filtered, axe finds nothing serious."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import axe_findings, chromium
from tests.report.conftest import write_folder
from vtoncompress.record import read_all
from vtoncompress.report.write import write_report

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = write_folder(tmp_path_factory.mktemp("results") / "mine")
    address = write_report(folder, read_all(folder)).as_uri()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address, wait_until="load")
        assert [url for url in asked if not url.startswith("data:")] == [address]
        yield page


def order(page: Any) -> list[str]:
    return page.eval_on_selector_all(
        ".sortable tbody tr", "rows => rows.filter(row => !row.hidden).map(row => row.id.slice(4))"
    )


def test_rows_are_sorted_with_what_has_no_number_last(page: Any) -> None:
    header = page.get_by_role("button", name="p50 (ms)")
    header.click()
    assert order(page)[:4] == ["int8", "pruned20", "pruned40", "dense"]
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("p50")
    header.press("Enter")
    assert order(page)[:4] == ["dense", "pruned40", "pruned20", "int8"]


def test_rows_are_filtered_by_group_and_by_words(page: Any) -> None:
    page.select_option("select[name=status]", "failed")
    assert order(page) == ["broken"]
    page.click("button[type=reset]")
    page.wait_for_function("[...document.querySelectorAll('.sortable tbody tr')].every(row => !row.hidden)")
    page.fill("input[name=find]", "pruned")
    assert sorted(order(page)) == ["pruned20", "pruned40"]
    assert page.locator("output").inner_text() == "2 of 7 rows"
    page.fill("input[name=find]", "")


def test_a_phone_needs_no_scrolling_sideways_and_axe_finds_nothing_serious(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe_findings(page) == []
