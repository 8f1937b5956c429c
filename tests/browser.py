"""A real browser for tests, where there is one: Chromium through Playwright, and axe's rules for accessibility.

Chromium is the system's (Debian: ``apt-get install chromium``), Playwright comes with ``pip install playwright``, axe
with ``npm install axe-core`` in the repository's root, or from the file that ``AXE`` names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

SERIOUS = ("serious", "critical")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; the test is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root, as in containers.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()


def axe_findings(page: Any) -> list[str]:
    """What axe finds serious or critical, a line each; the test is skipped where axe is not installed."""
    script = Path(os.environ.get("AXE") or ROOT / "node_modules" / "axe-core" / "axe.min.js")
    if not script.is_file():
        pytest.skip("axe-core is not installed: npm install axe-core")
    page.evaluate(script.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in SERIOUS]
