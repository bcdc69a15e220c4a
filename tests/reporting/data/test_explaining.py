"""What became of documents, in a line and with their texts."""

from __future__ import annotations

import pytest

from harness.reporting.corpora import outcomes_view, texts_view
from harness.reporting.shared.grid import folded
from harness.reporting.shared.text import cells
from harness.stages.data.outcomes import Explanation
from tests.reporting.data.corpora import explanation, removed


def row(told: Explanation) -> str:
    (line,) = folded(outcomes_view([told]))
    return line


def lines_of(told: Explanation, width: int = 80) -> list[str]:
    return list(folded(texts_view([told]), width))


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        (explanation(), "kept  One text."),
        (explanation(after="Two texts."), "kept, changed  Two texts."),
        (removed(), "removed by gopher_quality: gopher_short_doc"),
        (removed(step="c4", reason="lorem_ipsum"), "removed by c4: lorem_ipsum  One text."),
        (
            removed(step="minhash", reason=None, duplicate_of="d3"),
            "removed by minhash, d3 stays in its place  One text.",
        ),
    ],
)
def test_a_row_says_what_became_of_it(told: object, fate: str) -> None:
    assert row(told) == f"d17{' ' * 23}{fate}"  # type: ignore[arg-type]


def test_a_row_fits_the_terminal_whatever_the_document_is() -> None:
    told = removed(id="folder/" * 20, before="word\n\x1b[31m" * 1000)
    line = row(told)
    assert cells(line) <= 80
    assert "\x1b" not in line


def test_what_was_changed_is_shown_within_the_text() -> None:
    told = explanation(before="Write to ann@shop.example today.", after="Write to email@example.com today.")
    assert lines_of(told) == [
        "d17  kept, changed",
        "  changed: [-taken out-] {+put in+}",
        "    Write to [-ann@shop.example-]{+email@example.com+} today.",
    ]


def test_what_is_far_from_a_change_is_left_out() -> None:
    words = "unchanged " * 100
    told = explanation(before=f"{words}old {words}", after=f"{words}new {words}")
    text = " ".join(lines_of(told)[2:])
    assert "[-old-]{+new+}" in text
    assert text.count("…") == 2
    assert text.count("unchanged") < 20


def test_a_document_that_was_kept_or_removed_is_shown_with_its_beginning() -> None:
    lines = lines_of(removed(before="word " * 200))
    assert lines[0] == "d17  removed by gopher_quality: gopher_short_doc"
    assert lines[1] == "  text that came in, 1,000 characters, the first 400"
    assert max(map(cells, lines)) <= 80
    assert lines_of(explanation()) == ["d17  kept", "  text, 9 characters", "    One text."]


def test_lines_of_the_text_stay_lines_and_nothing_of_it_moves_the_cursor() -> None:
    lines = lines_of(explanation(before="a\nb\x1b[2J", after="a\nb\x1b[2J"))
    assert lines[2:] == ["    a", "    b\\x1b[2J"]


@pytest.mark.parametrize("width", [80, 40])
def test_every_line_fits(width: int) -> None:
    told = explanation(before="x" * 300 + " old", after="x" * 300 + " new and more words that need a second line")
    assert max(map(cells, lines_of(told, width))) <= width
