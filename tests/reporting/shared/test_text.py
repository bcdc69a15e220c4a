from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import without_traceback
from harness.reporting.shared.text import cells, flow, pad, printable, wrap

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Lima", "Lima"),
        ("a\nb\r\nc\td", "a⏎b\\r⏎c⇥d"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\0\x07\x7f\x9b", "\\x00\\x07\\x7f\\x9b"),
        ("\ud800", "\\ud800"),
        (
            "\u202eevil\u202c \u2066x\u2069 \u200e\u200f\u061c",
            "\\u202eevil\\u202c \\u2066x\\u2069 \\u200e\\u200f\\u061c",
        ),
        ("zero\u200bwidth\ufeff\u2060", "zero\\u200bwidth\\ufeff\\u2060"),
        ("line\u2028paragraph\u2029", "line⏎paragraph⏎"),
        ("Ürün 東京 👩‍💻 é", "Ürün 東京 👩‍💻 é"),
        ("می‌خواهم", "می‌خواهم"),
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
    ],
)
def test_what_could_harm_a_terminal_is_written_out_and_the_rest_is_kept(text, shown):
    assert printable(text) == shown


def test_a_mark_on_nothing_and_a_heap_of_marks_are_written_out():
    assert printable("\u0301a") == "\\u0301a"
    assert printable("a" + "\u0301" * 6) == "a" + "\u0301" * 4 + "\\u0301" * 2


def test_a_stream_that_can_not_hold_a_character_gets_it_written_out():
    assert printable("é 東\n\t", encoding="ascii") == "\\xe9 \\u6771\\n\\t"
    assert printable("é 東", encoding="latin-1") == "é \\u6771"
    assert printable("abc" * 20, 20, encoding="ascii") == "abcabcabcabc...(+48)"
    assert printable("é", encoding="no such encoding") == "\\xe9"


def test_the_cut_says_how_many_characters_it_left_out():
    text = "The capital of the country is Lima."
    for width in range(12, len(text)):
        kept, _, rest = printable(text, width).partition("…(+")
        assert len(kept) + int(rest.rstrip(")")) == len(text)
        assert text.startswith(kept)


def test_a_cut_in_the_middle_keeps_both_ends():
    shown = printable("a" * 500_000 + "\n" * 500_000, 40, cut="middle")
    assert shown.startswith("aaaaaaaa")
    assert shown.endswith("⏎⏎⏎⏎")
    assert cells(shown) <= 40


@given(ANY_TEXT, st.integers(1, 60), st.sampled_from(["end", "middle"]), st.sampled_from(["utf-8", "ascii", "cp1252"]))
def test_any_text_fits_its_width_and_holds_nothing_that_acts_on_a_terminal(text, width, cut, encoding):
    shown = printable(text, width, cut=cut, encoding=encoding)
    shown.encode(encoding)
    assert cells(shown) <= width
    assert all(
        character.isprintable() or character in "\u200c\u200d\u00a0\u3000" or character.isspace() for character in shown
    )
    assert not set(shown) & set("\r\n\t\v\f\x1b\u2028\u2029\x85\u202e")


@given(st.text(max_size=30))
def test_a_text_that_fits_is_not_cut(text):
    assert printable(text, 1000) == printable(text)


@given(ANY_TEXT, st.integers(8, 60))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text, width):
    shown = printable(text)
    lines = wrap(shown, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")


def test_pieces_stand_beside_each_other_until_the_line_is_full():
    assert flow(["0.71 [0.64, 0.77]", "baseline 0.93", "-0.22 [-0.28, -0.16]"], 40) == [
        "0.71 [0.64, 0.77]   baseline 0.93",
        "-0.22 [-0.28, -0.16]",
    ]
    assert flow([], 10) == [""]


def test_width_is_counted_in_cells():
    assert cells("東京") == 4
    assert pad("東京", 6) == "東京  "


COMMANDS = ("::error::no", "::warning file=a.py,line=1::no", "::add-mask::x", "::stop-commands::x")


@pytest.mark.parametrize("command", COMMANDS)
@given(before=st.text("ab :.é", max_size=60), width=st.integers(2, 40))
@example(before=":" * 13, width=13)
def test_no_line_of_a_text_begins_a_command_of_github(command: str, before: str, width: int) -> None:
    for text in (before + command, before + " " + command):
        shown = printable(text)
        lines = [line.lstrip() for line in [*wrap(shown, width), *flow([shown], width), shown]]
        starts = ("::error", "::warning", "::add-mask", "::stop-commands")
        assert not [line for line in lines if line.startswith(starts)]


@pytest.mark.parametrize("text", ["std::error::Error", "a::b", "x ? :: y", "::", "## title", "#[x]"])
def test_what_is_no_command_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["##[error]no", "done ##[group]x", "##vso[task.complete]x", "##teamcity[x]"])
def test_commands_that_may_stand_anywhere_are_written_out(text: str) -> None:
    assert printable(text) == text.replace("##", r"\x23#")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "case 'a': ValueError: no (2 bodies ended so)",
            "ValueError: no",
            "case 'a': ValueError: no (2 bodies ended so)",
        ),
        (
            "case 'a': ValueError: no",
            "ValueError: no\n  as it is\nWrite yes.",
            "case 'a': ValueError: no\n  as it is\nWrite yes.",
        ),
        ("it wrote:", "bot.Error: no\nWrite yes.\n", "it wrote: bot.Error: no\nWrite yes."),
    ],
)
def test_an_exception_is_told_once_and_whole_in_place_of_its_frames(before: str, after: str, told: str) -> None:
    frames = 'Traceback (most recent call last):\n  File "bot.py", line 3, in answer\n    raise\n'
    assert without_traceback(f"{before}\n{frames}{after}") == told
