"""Headless Chromium for tests: Debian's, driven by Playwright."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
MARKS = [
    pytest.mark.service,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
    # Playwright closes its pipes when its thread has ended.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WAIT_S = 30
"""Seconds to wait for what comes at once, unless the machine has much else to do."""
expect.set_options(timeout=1_000 * WAIT_S)


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """Let a page go on until something holds; fails the test where it never does."""
    ends = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < ends, f"not within {WAIT_S} s"
        page.wait_for_timeout(50)


def look_at(page: Page) -> None:
    """See the item of the review queue for as long as the page wants before it takes a key.

    The server's HTML stands before the script has run; only then are there choices, and the time runs from there.
    """
    page.locator("#verdict .choice").first.wait_for()
    page.wait_for_timeout(170)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()
