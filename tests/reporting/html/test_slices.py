"""Slices on the page: a forest plot, the worst first, whose rows open their cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.decisions.observations import CaseSlice
from harness.reporting.html import write_html
from harness.store import Store
from tests.chromium import MARKS
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting.html import pages
from tests.reporting.html.test_browser import browser, open_page, shown  # noqa: F401 - fixtures

pytestmark = [*MARKS, pytest.mark.nightly]
_TOPICS = ("billing", "refunds", "<b>hours</b>")


@pytest.fixture
def page(store: Store, tmp_path: Path, open_page: Callable[..., Page]) -> Page:  # noqa: F811
    """The page of sixty cases in three topics, of which the candidate has lost one."""
    topics = {f"case-{number:02}": _TOPICS[number % 3] for number in range(60)}
    ours = {case: [0.0 if topic == "billing" else 1.0] * 4 for case, topic in topics.items()}
    members = {topic: frozenset(case for case in topics if topics[case] == topic) for topic in _TOPICS}
    slices = tuple(CaseSlice("topic", topic, ids, 20) for topic, ids in members.items())
    rule = {"slices": slices, "slice_margin": 0.25, "margin": 0.5, "about": "suite", "n_planned": 60, "suite_size": 60}
    run = Scored(pages.CAPITALS, candidate=ours, baseline={case: [1.0] * 4 for case in topics}, rule=rule)
    side = stored.run(store, "r1", run)
    (verdict,) = side.report.evaluations
    cases = tuple(replace(case, fields={"topic": topics[case.id]}) for case in verdict.cases)
    report = replace(side.report, evaluations=(replace(verdict, cases=cases),))
    return open_page(write_html(store, side.weighed.run, report, tmp_path / "report"))


def test_slices_are_a_forest_plot_with_the_worst_first(page: Page) -> None:
    rows = page.locator("table.slices tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("✗ regressed topic billing")
    expect(rows.nth(0)).to_contain_text("-1.00 [-1.00, ")
    expect(rows.nth(2)).to_contain_text("topic <b>hours</b>")
    bars = page.locator("table.slices").get_by_role("img")
    expect(bars).to_have_count(3)
    expect(bars.nth(0)).to_have_accessible_name(
        re.compile(r"^regressed against the baseline: difference -1\.00 .*, margin 0\.25$")
    )
    expect(page.locator("#panel-0")).to_contain_text("3 of topic, margin 0.25: 1 worse by more, 2 within it")


def test_a_slice_opens_its_cases_and_the_filter_is_cleared_again(page: Page) -> None:
    page.get_by_role("button", name="topic billing", exact=True).click()
    assert shown(page) == [f"case-{number:02}" for number in range(0, 60, 3)]
    expect(page.locator("#found")).to_have_text("20 of 60 cases · topic billing")
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_have_text("60 cases")
