"""Pairs of blocks on the page: both figures, their ratio, where it lies, and why one can't be trusted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.store import Store
from tests.chromium import MARKS
from tests.decisions.observations import replace
from tests.gate.stored import Scored
from tests.reporting.html import pages
from tests.reporting.html.test_browser import browser, open_page  # noqa: F401 - fixtures

pytestmark = [*MARKS, pytest.mark.nightly]
_TEST = "suites/inference/test_serving.py::test_itl"
_FIGURES = {"pair-0": (0.0042, 0.004), "pair-1": (0.005, 0.004), "pair-2": (0.0039, 0.004), "pair-10": (0.0048, 0.004)}
_RULE = {"in_blocks": True, "unit": "s", "higher_is_better": False, "margin": 0.05, "margin_is_relative": True}


def blocks(*, baseline: bool = True, **rule: object) -> Scored:
    """Four pairs, and one that can't be trusted; named so that they would be ordered otherwise as texts."""
    ours: dict[str, list[object]] = {name: [figures[0]] for name, figures in _FIGURES.items()}
    theirs: dict[str, list[object]] = {name: [figures[1]] for name, figures in _FIGURES.items()}
    return Scored(
        _TEST,
        candidate={**ours, "pair-11": ["error"]},  # type: ignore[dict-item]
        baseline=theirs if baseline else None,  # type: ignore[arg-type]
        rule={**_RULE, **rule},
    )


def rows(page: Page) -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in page.locator("table.pairs tr").all()]


def shares(page: Page) -> list[float]:
    """Where the dots of the pairs lie, from 0 (worst) to 1 (best)."""
    dots = page.locator("table.pairs .dot").all()
    return [float((dot.get_attribute("cx") or "").rstrip("%")) / 100 for dot in dots]


def test_each_pair_has_its_figures_their_ratio_and_its_place(
    store: Store,
    tmp_path: Path,
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    page = open_page(pages.page(store, tmp_path / "report", blocks()))
    head, *told, untrusted = rows(page)
    assert head[:4] == ["pair", "baseline", "candidate", "ratio"]
    assert [row[:4] for row in told] == [
        ["pair-0", "0.00400 s", "0.00420 s", "1.050"],
        ["pair-1", "0.00400 s", "0.00500 s", "1.250"],
        ["pair-2", "0.00400 s", "0.00390 s", "0.975"],
        ["pair-10", "0.00400 s", "0.00480 s", "1.200"],
    ]
    assert untrusted[0] == "pair-11"
    assert re.sub(r"\s+", " ", untrusted[1]) == "! not counted why 0"
    places = shares(page)
    assert places[1] < places[3] < places[0] < 0.5 < places[2], "worse is left, also where more is worse"
    expect(page.get_by_text("The candidate is worse in 3 of 4 pairs.")).to_be_visible()
    expect(page.locator(".facts").first).to_contain_text("4 pairs of blocks · about cases like these · design fixed")


def test_a_candidate_alone_has_blocks_without_a_ratio(
    store: Store,
    tmp_path: Path,
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    alone = blocks(baseline=False, threshold=0.004, margin=0.9)
    page = open_page(pages.page(store, tmp_path / "report", alone))
    assert rows(page)[:2] == [["pair", "candidate"], ["pair-0", "0.00420 s"]]
    expect(page.locator(".facts").first).to_contain_text("4 blocks · about cases like these · design fixed")


def test_where_neither_side_is_better_pairs_differ_and_the_page_says_nothing_of_better(
    store: Store,
    tmp_path: Path,
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    rivers = replace(pages.rivers(), rule={"margin": 0.4, "aim": "same"})
    page = open_page(pages.page(store, tmp_path / "report", blocks(aim="same"), rivers))
    page.locator("#evaluation-0 .head").click()
    expect(page.locator("#legend")).to_contain_text(": in the middle both are equal, the grey band is the margin")
    expect(page.get_by_text("The candidate differs in 4 of 4 pairs.")).to_contain_text(
        "; in the middle both are equal;"
    )
    page.get_by_label("State").select_option("scored worse or differ")
    expect(page.locator("#found")).to_have_text("4 of 13 cases")
