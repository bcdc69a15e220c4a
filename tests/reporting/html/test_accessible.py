"""What axe-core holds against the example reports: nothing, on a phone and a desktop, dark and light."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.chromium import MARKS
from tests.reporting.committed import EXAMPLES, FOLDER
from tests.reporting.html.test_browser import browser  # noqa: F401 - fixture

pytestmark = MARKS


def violations(browser: Browser, path: Path, width: int, scheme: Literal["dark", "light"]) -> list[Any]:  # noqa: F811
    """The rules that a page breaks with every evaluation open, and then with a case open, each with the elements."""
    with browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    ) as own:
        page = own.new_page()
        page.goto(path.as_uri())
        for head in page.locator(".evaluation .head").all():
            head.click()
        results = [Axe().run(page).response]
        page.locator(".case").first.click()
        page.locator("#sheet .sample").first.wait_for()
        results.append(Axe().run(page).response)
    assert all(result["passes"] for result in results)
    found = [rule for result in results for rule in result["violations"]]
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("example", EXAMPLES)
def test_axe_finds_no_violation(browser: Browser, example: str, width: int, scheme: Any) -> None:  # noqa: F811
    assert violations(browser, FOLDER / example / "index.html", width, scheme) == []


def test_axe_finds_what_is_wrong(browser: Browser) -> None:  # noqa: F811
    """Soft text too faint to read breaks the rule on contrast: the page's policy does not keep axe from looking."""
    with browser.new_context(bypass_csp=True) as own:
        opened = own.new_page()
        opened.goto((FOLDER / "red" / "index.html").as_uri())
        opened.add_style_tag(content=":root { --soft: #ddd; }")
        broken = {rule["id"] for rule in Axe().run(opened).response["violations"]}
    assert "color-contrast" in broken
