"""Pages of HTML become what they say, whatever pages came before them."""

from __future__ import annotations

import pytest

from harness.stages.data.steps.step import IS_HTML
from harness.stages.data.steps.text import BROKEN, NO_TEXT, TOO_LARGE
from tests.stages.data.steps.judging import document, judged, made

NOTICE = "This site keeps a register of every well in the county, and of the depth at which water was found in it."
STORY = [
    "The river rose in the night, and in the morning the fields below the village were under water.",
    "Nobody had seen the like of it since the year in which the old bridge was carried away.",
    "By noon the water had reached the church, and the bells were rung until the evening came.",
]


def page(paragraphs: list[str], title: str = "A page") -> str:
    body = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title><script>var a = 1;</script></head><body>"
        "<nav><ul><li><a href='/'>Home</a></li><li><a href='/b'>Contact us</a></li></ul></nav>"
        f"<article><h1>{title}</h1>{body}</article><footer><p>Copyright 2024</p></footer></body></html>"
    )


def extracted(html: str, **options: object) -> str:
    one = document(html, is_html=True)
    assert made("text", **options)(one) is None
    return one.text


def test_a_page_becomes_its_text_without_menus_and_scripts() -> None:
    one = document(page(STORY), is_html=True, url="https://example.org/")
    assert made("text")(one) is None
    assert one.text.splitlines()[-3:] == STORY
    for gone in ("Contact us", "var a", "Copyright", "<p>"):
        assert gone not in one.text
    assert one.metadata == {"url": "https://example.org/"}, "it is no page of HTML any more"


def test_a_plain_text_stays_as_it_is() -> None:
    one = document("<p>Not a page, but a text about pages.</p>")
    assert made("text")(one) is None
    assert one.text == "<p>Not a page, but a text about pages.</p>"


@pytest.mark.parametrize(
    "html", ["<html><body></body></html>", "<html><head></head><body><script>a()</script></body></html>", "<"]
)
def test_a_page_that_says_nothing_is_removed_as_such(html: str) -> None:
    assert judged("text", html, metadata={IS_HTML: True}) in (NO_TEXT, BROKEN)


def test_a_text_of_nothing_is_removed_as_empty() -> None:
    assert judged("text", " \n", metadata={IS_HTML: True}) == "empty"
    assert judged("text", "") == "empty"


def test_a_page_beyond_the_bound_is_counted_under_a_reason_of_its_own() -> None:
    html = page(STORY)
    assert judged("text", html, metadata={IS_HTML: True}, max_characters=len(html)) is None
    assert judged("text", html, metadata={IS_HTML: True}, max_characters=len(html) - 1) == TOO_LARGE
    assert judged("text", "a" * 100, max_characters=10) is None, "a plain text has no such bound"


def test_a_passage_that_other_pages_had_often_stays() -> None:
    """Trafilatura remembers passages, and drops what it saw more than twice."""
    step = made("text")
    pages = [document(page([*STORY[:2], NOTICE, f"{STORY[2]} {index}"]), is_html=True) for index in range(8)]
    assert [step(one) for one in pages] == [None] * 8
    assert all(NOTICE in one.text for one in pages)
    alone = extracted(page([*STORY[:2], NOTICE, f"{STORY[2]} 7"]))
    assert pages[7].text == alone


def test_a_passage_that_a_page_itself_has_often_is_left_out_unless_that_is_switched_off() -> None:
    html = page([STORY[0], *[NOTICE] * 6, *STORY[1:]])
    assert 0 < extracted(html).count(NOTICE) < 6
    assert extracted(html, deduplicate=False).count(NOTICE) == 6


ODD = [
    "<html><body><p>" + STORY[0],
    "<div>" * 3000 + STORY[0],
    "<table>" + "<tr><td>" + STORY[1],
    page([f"{STORY[0]} \x00\x08 \ufffd \U0010ffff", STORY[1]]),
    '<?xml version="1.0" encoding="latin-1"?>' + page(STORY),
    page(["<b><i></b></i>" * 200 + paragraph for paragraph in STORY]),
    "<!-- " + page(STORY),
    "no markup at all",
    page(["日本語の長い段落です。" * 20, "Ümlaute, Œuvre, ελληνικά. " * 10]),
]


@pytest.mark.parametrize("html", ODD)
def test_an_odd_page_does_not_make_it_fail(html: str) -> None:
    assert judged("text", html, metadata={IS_HTML: True}) in (None, NO_TEXT, BROKEN)
