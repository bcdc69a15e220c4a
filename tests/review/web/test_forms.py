"""Forms of several questions, marks, changes and the practice round, as a browser shows them on a desk and a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.records.review import Batch, FormQuestion
from harness.review import Queue
from harness.store import Store
from tests.chromium import MARKS, launched, look_at, wait_until
from tests.review.web import contents
from tests.review.web.serving import Server

pytestmark = MARKS
FORM = replace(
    contents.SCALE,
    questions=(FormQuestion("Tone", ("rude", "neutral", "friendly")), FormQuestion("Helpful", ("no", "yes"))),
)
FORMULA = "We get \\(x^2 + 1\\):\n\n\\[\nx = \\frac{1}{2}\n\\]\n\nso $y = \\text{<img src=x onerror=alert(1)>}$ it is."
SIZES = [{"viewport": {"width": 1280, "height": 800}}, {"viewport": {"width": 390, "height": 844}}]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, of which no script failed or was refused."""
    context, errors = browser.new_context(**SIZES[0]), list[str]()
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert errors == []


def open_first(page: Page, server: Server) -> None:
    page.goto(server.link)
    look_at(page)


@pytest.mark.parametrize("size", SIZES, ids=["desk", "phone"])
def test_each_question_is_answered_and_a_passage_marked_before_the_label_goes(
    browser: Browser, tmp_path: Path, store: Store, size: Any
) -> None:
    contents.add(store, FORM, contents.items_of("b1", "Solve it.", [[FORMULA], ["other"]]))
    with Server(tmp_path, "--reviewer", "zoe") as server:
        context = browser.new_context(**size)
        page = context.new_page()
        open_first(page, server)
        expect(page.locator(".answer math")).to_have_count(3)
        expect(page.locator(".answer img")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["viewport"]["width"]
        page.locator(".answer p").first.select_text()
        page.get_by_role("button", name="Mark").click()
        expect(page.locator("#said")).to_have_text("1 passage is marked.")
        page.keyboard.press("4")
        expect(page.locator("#said")).to_have_text("Faithful summary: 4.")
        expect(page.get_by_role("button", name="friendly")).to_be_in_viewport()
        page.get_by_role("button", name="friendly").click()
        page.keyboard.press("1")
        expect(page.locator(".answer")).to_contain_text("other")
        wait_until(page, lambda: bool(store.review.events(batch_id="b1")))
        (event,) = store.review.events(batch_id="b1")
        assert (event.value, event.details["answers"]) == (4, {"Tone": "friendly", "Helpful": "no"})
        ((place, text),) = event.details["marks"]
        assert (place, text.startswith("We get")) == (0, True)
        context.close()


def test_both_bad_is_a_key_and_an_older_label_is_changed_from_the_list(
    page: Page, tmp_path: Path, store: Store
) -> None:
    contents.add(store, contents.PAIR, contents.items_of("b1", "Q?", [[f"left {n}", f"right {n}"] for n in range(3)]))
    with Server(tmp_path, "--reviewer", "zoe") as server:
        open_first(page, server)
        for number, key in enumerate(("4", "2"), 1):
            page.keyboard.press(key)
            expect(page.locator("#stage")).to_contain_text(f"left {number}")
            look_at(page)
        wait_until(page, lambda: len(store.review.events(batch_id="b1")) == 2)
        assert [event.value for event in store.review.events(batch_id="b1")] == ["bad", "tie"]
        page.get_by_role("link", name="Your labels").click()
        page.get_by_role("link", name="Change").last.click()
        expect(page.locator("#stage")).to_contain_text("You labelled both bad. That counts until")
        expect(page.locator("#stage")).to_contain_text("left 0")
        look_at(page)
        page.keyboard.press("2")
        expect(page.locator("#stage")).to_contain_text("left 2")
        wait_until(page, lambda: len(store.review.events(batch_id="b1")) == 4)
        items, standings = store.review.items_and_standings("b1")
        assert [standings[item.id].value for item in items] == ["tie", "tie", None]


def test_a_practice_round_comes_first_and_leaves_nothing(page: Page, tmp_path: Path, store: Store) -> None:
    batch = Batch("old", 1.0, "evaluation/test_old", contents.SCALE, source={"imported": True})
    store.review.add_batch(batch, contents.items_of("old", "Q?", [["known 0"], ["known 1"]]))
    queue = Queue(store)
    for name, role in (("ann", "annotator"), ("eve", "adjudicator")):
        queue.add_reviewer(name, role)
    for number in range(2):
        view = queue.next("ann")
        assert view is not None
        queue.flag("ann", view.lease_id, key=f"f{number}")
        view = queue.next("eve", task="adjudicate")
        assert view is not None
        queue.adjudicate("eve", view.lease_id, 4, key=f"e{number}", note="one detail")
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["new"]]))
    before = store.review.last_event()
    with Server(tmp_path, "--reviewer", "zoe") as server:
        page.goto(server.link)
        expect(page.locator(".answer")).to_contain_text("known 0")
        page.keyboard.press("4")
        expect(page.get_by_role("status")).to_contain_text("The known label: 4, as you said “one detail”")
        page.wait_for_load_state()  # keys are heard once its script has run
        page.keyboard.press("Enter")
        expect(page.locator(".answer")).to_contain_text("known 1")
        page.goto(server.url)
        expect(page.locator(".answer")).to_contain_text("known 1")
        page.keyboard.press("2")
        expect(page.get_by_role("status")).to_contain_text("Another label is known to be right: 4; you said 2")
        page.get_by_role("link", name="Begin").click()
        expect(page.locator(".answer")).to_contain_text("new")
        assert store.review.last_event() == before
