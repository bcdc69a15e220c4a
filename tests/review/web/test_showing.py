import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.review.web.showing import SHOWN, beginning, blocks, readable


class _Reader(HTMLParser):
    """What a browser would make of HTML: its tags, their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


MARKS = st.sampled_from(
    ["`", "```", "~~~", "**", "#", "# ", "|", "<", ">", "&", '"', "'", "\n", "\r\n", "<script>", "</p>", "&lt;"]
)


@given(st.lists(st.one_of(MARKS, st.text(max_size=8)), max_size=30).map("".join))
def test_nothing_of_a_text_becomes_html_and_no_character_is_lost(text: str) -> None:
    read = _Reader(str(readable(text)))
    assert read.tags <= {"p", "pre", "code", "strong"}
    assert read.attributes <= {("dir", "auto"), ("dir", "ltr"), ("class", "heading"), ("class", "joined")}

    def ink(words: str) -> str:
        return re.sub(r"\s", "", words.encode("utf-8", "replace").decode())

    assert ink(read.text) == ink(text)


def test_fences_and_tables_are_code_and_their_signs_stay() -> None:
    text = "Look:\n```python\nx = 1\n\ny = 2\n```\nand\n| a | b |\n|---|---|\nend"
    assert [(block.kind, block.text) for block in blocks(text)] == [
        ("prose", "Look:"),
        ("code", "```python\nx = 1\n\ny = 2\n```"),
        ("prose", "and"),
        ("code", "| a | b |\n|---|---|"),
        ("prose", "end"),
    ]


def test_a_fence_that_is_not_closed_is_code_to_its_end() -> None:
    assert [block.kind for block in blocks("a\n~~~~\nb\n```\n# c")] == ["prose", "code"]


def test_headings_strong_words_and_code_are_told_apart() -> None:
    html = str(readable("## Note\nIs **very** `a<b`"))
    assert '<p dir="auto" class="heading">## Note</p>' in html
    assert "Is <strong>**very**</strong> <code>`a&lt;b`</code>" in html


def test_text_goes_from_right_to_left_where_its_letters_do_and_code_does_not() -> None:
    html = str(readable("مرحبا\n\n```\nx\n```"))
    assert '<p dir="auto">مرحبا</p>' in html
    assert '<pre dir="ltr">' in html


@pytest.mark.parametrize("text", ["x" * 100_000, "word " * 20_000, "```\n" + "line of code\n" * 9_000 + "```"])
def test_a_long_block_is_cut_into_pieces_that_a_browser_lays_out_one_by_one(text: str) -> None:
    found = list(blocks(text))
    assert max(len(block.text) for block in found) <= 4_000
    assert [block.joined for block in found] == [False] + [True] * (len(found) - 1)
    assert "".join("".join(block.text.split()) for block in found) == "".join(text.split())


def test_of_a_long_text_the_beginning_is_shown() -> None:
    assert beginning("x" * SHOWN) == "x" * SHOWN
    assert len(beginning("x" * 5_000_000)) == SHOWN


def test_half_a_surrogate_can_be_sent() -> None:
    assert readable("a\ud800b").encode() == b'<p dir="auto">a?b</p>'
