"""What a reader makes of the review pages: tool calls, judge beside people, exclusions, what is left for whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect

from harness.records import NewSample, Request, Sample, ScoreRow
from harness.records.review import Form
from harness.review import Queue
from harness.store import Store
from tests.chromium import MARKS, wait_until
from tests.review import runs
from tests.review.web import contents
from tests.review.web.test_browser import browser, open_page, serve, store  # noqa: F401 - fixtures
from tests.store.rows import key_of

pytestmark = [*MARKS, pytest.mark.nightly]
_TEST = "suites/t.py::test_t"
_WIDE = "```\n" + "x = " + "1 + " * 200 + "1\n```"


def call(city: str) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": f'{{"city": "{city} <b>"}}'}
    return {"id": "c1", "type": "function", "function": function}


def add_calls(store: Store, form: Form) -> None:  # noqa: F811
    """A run whose versions answer with nothing but a call of a tool, each with other arguments."""
    spec = {"candidate": {"name": "a", "fingerprint": "f0"}, "baseline": {"name": "b", "fingerprint": "f1"}}
    store.begin_run("r1", "2026-11-24", spec)
    for role, fingerprint, city in (("candidate", "f0", "Lima"), ("baseline", "f1", "Quito")):
        key = key_of(role)
        asked = Request(messages=({"role": "user", "content": "Weather?"},))
        sample = Sample("", 0, "tool_calls", tool_calls=(call(city),))
        store.add([NewSample(key, fingerprint, 0, asked, sample)])
        row = ScoreRow(_TEST, "score", role, fingerprint, "peru", 0, 0.5, sample_key=key)  # type: ignore[arg-type]
        store.add_scores("r1", [row])
    store.finish_run("r1", {"evaluations": []})
    (run,) = store.runs()
    runs.add_batch(store, run, form, of=_TEST)


@pytest.mark.parametrize("form", [contents.SCALE, contents.PAIR], ids=["scale", "pair"])
def test_an_answer_that_is_a_tool_call_is_shown_as_the_call(
    serve: Any,  # noqa: F811
    open_page: Any,  # noqa: F811
    store: Store,  # noqa: F811
    form: Form,
) -> None:
    """A pair of two calls is one to be judged, and not two equal answers."""
    add_calls(store, form)
    page = open_page(serve().link)
    expect(page.locator(".answer").filter(has_text='get_weather({"city": "Lima <b>"})')).to_have_count(1)
    expect(page.locator(".answer")).to_have_count(2 if form.is_pair else 1)
    expect(page.locator(".calls")).to_have_count(2 if form.is_pair else 1)
    expect(page.locator("#stage")).not_to_contain_text("(empty answer)")


def test_a_text_that_looks_like_a_call_is_none(serve: Any, open_page: Any, store: Store) -> None:  # noqa: F811
    said = 'tool call: get_weather({"city": "Lima"})'
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [[said]]))
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text(said)
    expect(page.locator(".calls")).to_have_count(0)


def compared(store: Store) -> None:  # noqa: F811
    """12 of 23 labels say what the judge said, the others one point less; one item is flagged, one open."""
    scores = (0.0, 0.5, 1.0)
    first = contents.SCALE.choices[:3]
    choices = tuple(replace(choice, score=score) for choice, score in zip(first, scores, strict=True))
    form = replace(contents.SCALE, choices=choices)
    items = contents.items_of("b1", "Q?", [[f"answer {number}"] for number in range(25)])
    contents.add(store, form, [replace(item, judge_score=1.0, probability=0.5) for item in items])
    queue = Queue(store)
    queue.add_reviewer("ann")
    for number in range(24):
        view = queue.next("ann")
        assert view is not None
        if number == 23:
            queue.flag("ann", view.lease_id, key="f", note="no question")
        else:
            queue.label("ann", view.lease_id, 3 if number < 12 else 2, key=str(number))


def test_judge_and_people_are_compared_point_by_point_and_differences_lead_to_their_cases(
    serve: Any,  # noqa: F811
    open_page: Any,  # noqa: F811
    store: Store,  # noqa: F811
) -> None:
    compared(store)
    server = serve()
    page = open_page(server.link)
    page.goto(f"{server.url}/admin/batches/b1")
    judge = page.get_by_role("region", name="The judge against people")
    expect(judge).to_contain_text("12 of 23 scores are the same")
    expect(judge).to_contain_text("Exact agreement: 0.52")
    expect(judge).to_contain_text("Krippendorff's alpha")
    rows = judge.locator(".matrix tbody tr")
    assert [row.split() for row in rows.all_inner_texts()] == [
        ["1", "0", "0", "0"],
        ["2", "0", "0", "11"],
        ["3", "0", "0", "12"],
    ]
    link = judge.locator(".differing a")
    expect(link).to_have_count(11)
    link.first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("case-12")
    expect(page.locator("main")).to_contain_text("answer 12")
    said = page.locator("tbody tr")
    expect(said.nth(0)).to_contain_text("judge")
    expect(said.nth(0)).to_contain_text("3 (counts 1)")
    expect(said.nth(1)).to_contain_text("ann")


def test_an_item_that_is_not_settled_is_shown_to_no_admin(serve: Any, open_page: Any, store: Store) -> None:  # noqa: F811
    compared(store)
    server = serve()
    page = open_page(server.link)
    page.goto(f"{server.url}/admin/items/b1-00023")
    expect(page.locator("main")).to_contain_text("is flagged: what is known of it is shown once it is settled")


def test_an_adjudicator_excludes_a_broken_item_with_a_reason(
    serve: Any,  # noqa: F811
    open_page: Any,  # noqa: F811
    store: Store,  # noqa: F811
) -> None:
    compared(store)
    server = serve()
    page = open_page(server.link)
    page.goto(f"{server.url}/adjudicate")
    expect(page.locator(".answer")).to_contain_text("answer 23")
    page.wait_for_timeout(200)
    page.keyboard.press("x")
    reason = page.get_by_label("Comment on this item")
    expect(reason).to_be_focused()
    expect(page.locator("#said")).to_contain_text("Write in the comment what is broken")
    reason.fill("the question is missing")
    page.keyboard.press("Enter")
    page.keyboard.press("x")
    expect(page.locator("#said")).to_have_text("Excluded.")
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_visible()
    assert store.review.standing("b1-00023").state == "excluded"
    page.keyboard.press("z")
    expect(page.locator("#said")).to_have_text("Taken back: excluded.")
    assert store.review.standing("b1-00023").state == "flagged"
    page.wait_for_timeout(200)
    reason.fill("the question is missing")
    page.get_by_role("button", name="Exclude x").click()
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_visible()
    page.goto(f"{server.url}/admin/batches/b1")
    excluded = page.get_by_role("region", name="Excluded")
    expect(excluded).to_contain_text("case-23 the question is missing zoe")
    expect(page.get_by_role("region", name="Progress")).to_contain_text("0 flagged, 1 excluded")


def test_what_is_left_beside_nothing_for_you_is_explained(serve: Any, open_page: Any, store: Store) -> None:  # noqa: F811
    items = contents.items_of("b1", "Q?", [[f"answer {number}"] for number in range(6)], wanted=3)
    contents.add(store, contents.SCALE, items)
    queue = Queue(store)
    queue.add_reviewer("ann")
    server = serve()
    for number in range(5):
        view = queue.next("zoe")
        assert view is not None
        queue.label("zoe", view.lease_id, 3, key=str(number))
    for _ in range(2):
        view = queue.next("zoe")
        assert view is not None
        queue.skip("zoe", view.lease_id, key=f"s{_}")
    queue.label("ann", queue.next("ann").lease_id, 3, key="a")  # type: ignore[union-attr]
    page = open_page(server.url + "/sign-in")
    page.goto(server.link)
    empty = page.locator("#empty")
    expect(empty).to_contain_text("Nothing is left for you")
    expect(page.locator("#counts")).to_have_text("12 labels left")
    expect(empty).to_contain_text("12 labels are left, for others")


@pytest.mark.parametrize("width", [1280, 390])
def test_wide_code_of_a_pair_is_reached_and_scrolled_by_keyboard(
    serve: Any,  # noqa: F811
    open_page: Any,  # noqa: F811
    store: Store,  # noqa: F811
    width: int,
) -> None:
    """An arrow scrolls there; elsewhere it is a verdict."""
    contents.add(store, contents.PAIR, contents.items_of("b1", "Q?", [[_WIDE, "```\nshort\n```"]] * 3))
    page = open_page(serve().link, viewport={"width": width, "height": 800})
    wide = page.locator(".answer pre", has_text="1 + 1")
    for _ in range(30):
        page.keyboard.press("Tab")
        if wide.evaluate("(each) => each === document.activeElement"):
            break
    expect(wide).to_be_focused()
    page.wait_for_timeout(200)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_until(page, lambda: wide.evaluate("(each) => each.scrollLeft") > 0)
    assert store.review.events(batch_id="b1") == []
