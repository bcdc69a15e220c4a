"""What a reader makes of answers on the page: tool calls, directions, questions, conversations, what decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness.gate.history.scores import Side
from harness.records import Change, NewSample, Request, Sample
from harness.records.tool_calls import turns_in_words, with_calls
from harness.store import Store
from tests.chromium import MARKS
from tests.decisions.observations import replace
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting.html import pages
from tests.reporting.html.test_browser import browser, open_page  # noqa: F401 - fixtures
from tests.store.rows import key_of

pytestmark = [*MARKS, pytest.mark.nightly]
_CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Lima <b>"}'}}
_TEST = "suites/t.py::test_t"


def change(candidate: float, baseline: float, said: str, before: str, **more: Any) -> Change:
    return Change(_TEST, "peru", "score", candidate, baseline, 1, said, before, 1, **more)


def page_of(
    store: Store,
    folder: Path,
    candidate: Mapping[str, Sequence[float]],
    baseline: Mapping[str, Sequence[float]],
    *changes: Change,
    **more: Any,
) -> Path:
    """A page of one evaluation with these cases to look at."""
    side = stored.run(store, "r1", Scored(_TEST, candidate=candidate, baseline=baseline, **more))
    return with_changes(store, side, folder, *changes)


def with_changes(store: Store, side: Side, folder: Path, *changes: Change) -> Path:
    return pages.page_of(store, Side(side.weighed, replace(side.report, changes=changes)), folder)  # type: ignore[type-var]


def says(peru: Sequence[str], lima: Sequence[str]) -> dict[tuple[str, str], Sequence[str]]:
    return {("candidate", "peru"): peru, ("baseline", "peru"): lima}


def pieces(page: Page, where: str, kind: str) -> list[str]:
    return page.locator(f"{where} .{kind}").all_inner_texts()


def background(page: Page, where: str) -> str:
    colour: str = page.locator(where).first.evaluate("(each) => getComputedStyle(each).backgroundColor")
    return colour


def resampled(store: Store, name: str, request: Request, sample: Sample) -> None:
    """In place of what a version was asked and answered to "peru"."""
    key = key_of(f"f-{name}/peru")
    with store._database.write() as connection:
        for table in ("steelyard_samples", "steelyard_requests"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE key = ?", (key,))
    store.add([NewSample(key, f"f-{name}", 0, request, sample)])


_CONVERSATION = Request(
    messages=(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Lima?"},
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "content": "x" * 2000},
        {"role": "user", "content": "And tomorrow?"},
    )
)


@pytest.fixture
def talked(store: Store, tmp_path: Path) -> Path:
    """A case that is a conversation, answered by nothing but a tool call."""
    evaluation = Scored(_TEST, candidate={"peru": [0.0]}, baseline={"peru": [1.0]})
    side = stored.run(store, "r1", evaluation)
    called = Sample("", 0, "tool_calls", tool_calls=(_CALL,))
    resampled(store, "small", _CONVERSATION, called)
    passages = ({"id": "forecast", "text": "Sun <b> and 24 degrees."},)
    resampled(store, "large", _CONVERSATION, Sample("Sunny.", 0, context=passages, cost=0.0125))
    told = change(0.0, 1.0, with_calls(called.text, called.tool_calls), "Sunny.", expected="Sunny, 24 degrees")
    return with_changes(store, side, tmp_path / "report", told)


def test_an_answer_that_is_a_tool_call_is_shown_as_the_call(open_page: Any, talked: Path) -> None:  # noqa: F811
    page = open_page(talked, "#case=peru")
    call = page.locator("#sheet .call")
    expect(call).to_be_visible()
    expect(call).to_contain_text("get_weather")
    expect(call).to_contain_text('{"city": "Lima <b>"}')
    expect(page.locator("#sheet")).not_to_contain_text("empty answer")
    found = page.locator("#sheet details", has_text="from 1 passage")
    found.locator("summary").click()
    expect(found).to_contain_text("Sun <b> and 24 degrees.")
    expect(page.locator("#sheet .costs", has_text="cost 0.0125")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".finding")).to_contain_text('tool call: get_weather({"city": "Lima <b>"})')


def test_all_messages_of_a_conversation_show_and_long_ones_are_closed(open_page: Any, talked: Path) -> None:  # noqa: F811
    page = open_page(talked, "#case=peru")
    messages = page.locator("#sheet .asked:not(.expected) .message")
    expect(messages).to_have_count(5)
    for place, told in enumerate(("Be brief.", "Weather in Lima?", "tool call: get_weather", "x", "And tomorrow?")):
        expect(messages.nth(place)).to_contain_text(told)
        expect(messages.nth(place)).to_be_visible()
    long = messages.nth(3)
    expect(long.locator(".text")).to_be_hidden()
    expect(long.locator("summary")).to_contain_text("2,000 characters")
    long.locator("summary").click()
    expect(long.locator(".text")).to_have_text("x" * 2000)


@pytest.fixture
def parted(store: Store, tmp_path: Path) -> Path:
    """A case whose conversations part after the first answer."""
    side = stored.run(store, "r1", Scored(_TEST, candidate={"peru": [0.0]}, baseline={"peru": [1.0]}))
    begun = (*_CONVERSATION.messages[:2], {"role": "assistant", "content": "Today?"})
    told = {}
    for name, turn, answer in (("small", "No.", "Rain."), ("large", "Yes.", "Sunny.")):
        messages = (*begun, {"role": "user", "content": turn})
        resampled(store, name, Request(messages=messages), Sample(answer, 0))
        told[name] = turns_in_words([*messages[1:], {"role": "assistant", "content": answer}])
    cut = f"…{told['large'][6:]}"
    return with_changes(store, side, tmp_path / "report", change(0.0, 1.0, told["small"], cut))


def test_conversations_show_their_common_beginning_once_and_then_whose_turns_follow(
    open_page: Any,  # noqa: F811
    parted: Path,
) -> None:
    page = open_page(parted, "#case=peru")
    expect(page.locator("#sheet .sheet-body > .asked .message")).to_have_count(3)
    for side, turn, other in (("baseline", "Yes.", "No."), ("candidate", "No.", "Yes.")):
        own = page.locator("#sheet .side", has_text=f"{side}, sample 1")
        expect(own.locator(".asked .message")).to_have_count(1)
        expect(own).to_contain_text(turn)
        expect(own).not_to_contain_text(other)
    page.keyboard.press("Escape")
    card = page.locator(".finding .change")
    sides = card.locator(".side .text")
    expect(sides.nth(0)).to_contain_text("user: Yes.\n\nassistant: Sunny.")
    expect(sides.nth(1)).to_contain_text("user: No.\n\nassistant: Rain.")


def test_of_a_gain_the_right_words_are_green_and_of_a_drop_too(
    open_page: Any,  # noqa: F811
    store: Store,
    tmp_path: Path,
) -> None:
    right, wrong = "The capital is Lima.", "The capital is Quito."
    path = page_of(
        store,
        tmp_path / "gain",
        {"peru": [1.0, 0.0, 1.0]},
        {"peru": [0.0, 1.0, 1.0]},
        change(1.0, 0.0, right, wrong),
        says=says([right, wrong, right], [wrong, right, wrong]),
    )
    page = open_page(path)
    assert (pieces(page, ".finding", "right"), pieces(page, ".finding", "wrong")) == (["Lima"], ["Quito"])
    green, red = background(page, ".finding .right"), background(page, ".finding .wrong")
    assert green != red
    page.locator(".case").click()
    expect(page.locator("#sheet .sample")).to_have_count(3)
    for sample in (0, 1):
        where = f"#sheet .sample >> nth={sample} >> "
        assert pieces(page, f"{where} ", "right") == ["Lima"]
        assert pieces(page, f"{where} ", "wrong") == ["Quito"]
    third = page.locator("#sheet .sample").nth(2)
    assert third.locator(".right, .wrong").count() == 0, "both have the same score, and nothing tells which is right"
    assert third.locator(".other").all_inner_texts() == ["Quito", "Lima"]


def test_a_word_that_is_expected_is_green_wherever_it_stands(open_page: Any, store: Store, tmp_path: Path) -> None:  # noqa: F811
    path = page_of(
        store,
        tmp_path / "report",
        {"peru": [0.0]},
        {"peru": [0.0]},
        change(0.0, 0.0, "It is Lima or Quito", "It is Cusco or Arequipa", expected="Lima"),
    )
    page = open_page(path)
    assert pieces(page, ".finding", "right") == ["Lima"]
    assert pieces(page, ".finding", "wrong") == []


@pytest.mark.parametrize(
    ("candidate", "baseline", "state"),
    [(0.5, 1.0, "worse"), (1.0, 0.5, "better"), (0.5, 0.5, "stable"), (0.0, 1.0, "broken")],
)
def test_a_case_that_moved_is_not_called_stable(
    open_page: Any,  # noqa: F811
    store: Store,
    tmp_path: Path,
    candidate: float,
    baseline: float,
    state: str,
) -> None:
    cases = {"peru": [candidate, candidate], "chad": [0.25, 0.25]}
    path = page_of(store, tmp_path / "report", cases, {"peru": [baseline, baseline], "chad": [0.25, 0.25]})
    page = open_page(path)
    row = page.locator(".case", has_text="peru")
    expect(row.locator(".state")).to_have_text(state)
    row.click()
    expect(page.locator("#sheet .state")).to_have_text(state)


def test_an_opened_evaluation_begins_with_the_comparison_that_decided(
    open_page: Any,  # noqa: F811
    store: Store,
    tmp_path: Path,
) -> None:
    """Here the threshold is reached, and the baseline is not: the other one stands first in the report."""
    path = pages.page(store, tmp_path / "report", pages.capitals(threshold=0.3, design="fixed"))
    page = open_page(path)
    expect(page.locator("#evaluation-0 > .bars").get_by_role("img")).to_have_accessible_name(
        re.compile("^regressed against the baseline")
    )
    expect(page.locator("#panel-0 .statement").nth(0)).to_contain_text("Against the baseline")
    expect(page.locator("#panel-0 .statement").nth(0)).to_contain_text("✗")
    expect(page.locator("#panel-0 .statement").nth(1)).to_contain_text("Against the threshold")


def test_a_text_that_scrolls_is_reached_by_keyboard_and_others_are_passed_by(
    open_page: Any,  # noqa: F811
    store: Store,
    tmp_path: Path,
) -> None:
    path = page_of(
        store,
        tmp_path / "report",
        {"peru": [0.0]},
        {"peru": [1.0]},
        says=says(["line\n" * 200], ["Lima"]),
    )
    page = open_page(path, "#case=peru")
    texts = page.locator("#sheet .sample .text")
    expect(texts.nth(1)).to_have_attribute("tabindex", "0")
    expect(texts.nth(0)).not_to_have_attribute("tabindex", "0")
