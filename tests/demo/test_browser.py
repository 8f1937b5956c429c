"""The demo driven in a real browser, as visitors would."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.browser import axe_findings, chromium
from tests.demo.conftest import LIMITS
from vtoncompress.demo import fitting
from vtoncompress.demo.fitting import FittingRoom, Wish
from vtoncompress.demo.recipe import Recipe
from vtoncompress.demo.serve import serving
from vtoncompress.export.stepwise import StepwiseRuntime
from vtoncompress.image import read_image
from vtoncompress.masking.plain_background import PlainBackground

pytest.importorskip("gradio")
pytestmark = [pytest.mark.slow, pytest.mark.browser]
PATIENCE_MS = 60_000
VISITORS = 20


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(recipes: list[Recipe], painters: list[Recipe], browser: Any) -> Iterator[str]:
    with serving([*recipes, *painters], LIMITS, PlainBackground(), "127.0.0.1", None, 1) as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#start")
    yield page
    context.close()


def send(page: Any, photos: tuple[Path, Path]) -> None:
    for place, path in zip(("#person", "#garment"), photos, strict=True):
        page.set_input_files(f"{place} input[type=file]", str(path))
        page.wait_for_selector(f"{place} img")


def choose(page: Any, *names: str) -> None:
    """These recipes and no others."""
    for box in page.locator("#recipes label").all():
        box.locator("input").set_checked(box.inner_text().strip() in names)


def slow_down(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Each step takes that much longer; what is returned grows by one a step."""
    predict, calls = StepwiseRuntime.predict, list[int]()

    def slow(self: StepwiseRuntime, latents: Any, timestep: int) -> Any:
        calls.append(timestep)
        time.sleep(seconds)
        return predict(self, latents, timestep)

    monkeypatch.setattr(StepwiseRuntime, "predict", slow)
    return calls


def results(page: Any, count: int) -> list[bytes]:
    page.wait_for_function(f"document.querySelectorAll('#figures tbody tr').length === {count}")
    page.wait_for_function(f"document.querySelectorAll('#results img').length >= {count}")
    sources = page.eval_on_selector_all("#results img", "images => images.map(image => image.src)")
    return [page.request.get(source).body() for source in dict.fromkeys(sources)]


def test_two_recipes_compared_and_nobody_else_asked(page: Any, address: str, photos: tuple[Path, Path]) -> None:
    send(page, photos)
    page.click("#start")
    assert len(results(page, 2)) == 2
    page.wait_for_selector("#slider img")
    assert page.locator("#figures tbody th").all_inner_texts() == ["dense", "other"]
    strangers = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]
    assert strangers == []
    page.screenshot(path=str(photos[0].parent / "demo.png"), full_page=True)


@pytest.mark.parametrize("what, recipe", [("garment", "dense"), ("person", "painter")])
def test_a_painted_mask_changes_the_result(page: Any, photos: tuple[Path, Path], what: str, recipe: str) -> None:
    send(page, photos)
    choose(page, recipe)
    page.click("#start")
    found = results(page, 1)
    page.click(f"#{what}-mask button")
    canvas = page.locator(f"#painted-{what} canvas").first
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)  # the editor lays its picture out after it is shown
    box = canvas.bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle - 25, y)
    page.mouse.down()
    page.mouse.move(middle + 25, y + 10, steps=12)
    page.mouse.up()
    page.wait_for_timeout(500)
    page.click("#start")
    page.wait_for_function(
        "known => [...document.querySelectorAll('#results img')].some(image => !known.includes(image.src))",
        arg=page.eval_on_selector_all("#results img", "images => images.map(image => image.src)"),
    )
    assert results(page, 1) != found


def test_both_kinds_side_by_side_with_steps_of_the_visitor_s_choice(
    page: Any, photos: tuple[Path, Path], painters: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down(monkeypatch, 0.3)
    send(page, photos)
    choose(page, "dense", "painter")
    page.click("#sampling button")
    page.locator("#custom input").check()
    for name, value in {"steps": 5, "guidance": 1.5, "seed": 11}.items():
        page.locator(f"#{name} input[type=number]").fill(str(value))
        page.keyboard.press("Tab")
    page.evaluate(
        "() => { window.told = []; const status = document.querySelector('#status');"
        "const observer = new MutationObserver(() => window.told.push(status.innerText));"
        "observer.observe(status, {childList: true, subtree: true, characterData: true}); }"
    )
    page.click("#start")
    _, painted = results(page, 2)
    told = page.evaluate("window.told")
    # What follows within a frame is drawn once.
    assert sum(any(f"1 of 2 recipes. painter: step {step} of 5" in line for line in told) for step in range(6)) >= 2
    person, garment = map(read_image, photos)
    wish = Wish(person, garment, None, PlainBackground()(person), {"steps": 5, "guidance": 1.5, "seed": 11})
    [expected] = FittingRoom(painters).fit(["painter"], wish)
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(painted)).convert("RGB")), expected.picture)
    page.get_by_text("2 of 2 recipes. Done.").wait_for()


def test_cancel_ends_a_visit_between_two_steps(
    page: Any, photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = slow_down(monkeypatch, 0.2)
    send(page, photos)
    choose(page, "painter")
    page.click("#sampling button")
    page.locator("#custom input").check()
    page.locator("#steps input[type=number]").fill("50")
    page.keyboard.press("Tab")
    page.click("#start")
    page.get_by_text(re.compile(r"painter: step ([3-9]|1\d) of 50")).wait_for()  # one alone may pass unseen
    page.click("#cancel")
    page.get_by_text("Cancelled.").wait_for()
    page.wait_for_timeout(1000)
    ended = len(calls)
    page.wait_for_timeout(1500)
    assert len(calls) == ended < 40
    assert not page.locator("#figures").is_visible()
    page.get_by_text("Cancelled.").wait_for()
    choose(page, "dense")
    page.click("#start")
    page.get_by_text("1 of 1 recipes. Done.").wait_for()
    page.click("#cancel")
    page.wait_for_timeout(1000)
    assert page.locator("#status").inner_text() == "1 of 1 recipes. Done."


def test_a_result_is_downloaded(page: Any, photos: tuple[Path, Path]) -> None:
    send(page, photos)
    choose(page, "dense")
    page.click("#start")
    [picture] = results(page, 1)
    page.locator("#results img").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").first.click()
    assert Path(download.value.path()).read_bytes() == picture


def test_cancel_ends_a_visit_between_two_recipes(
    page: Any, photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = fitting._timed

    def slow(*arguments: Any) -> Any:
        time.sleep(1)
        return timed(*arguments)

    monkeypatch.setattr(fitting, "_timed", slow)
    send(page, photos)
    page.click("#start")
    assert len(results(page, 1)) == 1
    page.click("#cancel")
    page.wait_for_timeout(8000)
    assert page.locator("#figures tbody tr").count() == 1


def test_a_broken_file_is_refused_in_a_line(page: Any, photos: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and no more")
    page.set_input_files("#person input[type=file]", str(broken))
    page.set_input_files("#garment input[type=file]", str(photos[1]))
    page.wait_for_selector("#garment img")
    page.wait_for_timeout(1000)
    page.click("#start")
    page.get_by_text("This file is no picture that can be read").first.wait_for()


def test_twenty_visitors_at_once_are_queued_and_served(
    page: Any, address: str, photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.utils import Status

    gate, timed = threading.Event(), fitting._timed
    monkeypatch.setattr(fitting, "_timed", lambda *arguments: gate.wait(300) and timed(*arguments))
    send(page, photos)
    clients = [Client(address, verbose=False, httpx_kwargs={"timeout": 300}) for _ in range(VISITORS - 1)]
    sent = [handle_file(str(path)) for path in photos]
    options = {"painted_person": None, "custom": False, "steps": 3, "guidance": 2.5, "seed": 0}
    names = ["dense", "other"]
    jobs = [client.submit(*sent, None, names, *options.values(), api_name="/try_on") for client in clients]
    while any(job.status().code not in (Status.IN_QUEUE, Status.PROCESSING, Status.ITERATING) for job in jobs):
        time.sleep(0.1)  # they upload the photos first
    page.click("#start")
    place = page.get_by_text("queue:").first
    place.wait_for()
    box, around = place.bounding_box(), page.locator("#status").bounding_box()
    assert box["y"] + box["height"] <= around["y"] + around["height"]  # it is not cut off
    gate.set()
    assert all(len(job.result(timeout=300)[1]) == 2 for job in jobs)
    assert len(results(page, 2)) == 2


def test_the_page_is_usable_by_keyboard_and_readable(page: Any, photos: tuple[Path, Path]) -> None:
    send(page, photos)
    assert axe_findings(page) == []
    page.focus("#recipes input")
    page.keyboard.press("Space")  # the first recipe is not wanted
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        if reached[-1] == "start":
            break
    assert "start" in reached
    page.keyboard.press("Enter")
    assert len(results(page, 1)) == 1
    assert page.locator("#figures tbody th").all_inner_texts() == ["other"]
    assert axe_findings(page) == []


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Any, address: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#start")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=str(tmp_path / "phone.png"), full_page=True)
    assert np.asarray(Pillow.open(tmp_path / "phone.png")).std() > 0
    context.close()
