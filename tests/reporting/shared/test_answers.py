"""Answers and reasons, shortened to what a reader can compare."""

from __future__ import annotations

from harness.reporting.shared.answers import differing, excerpts, on_one_line, quoted

LONG = "The capital of the country that lies to the west of the one in question is "


def test_what_both_share_is_cut_at_a_word_and_the_difference_is_seen() -> None:
    ours, theirs = excerpts(f"{LONG}Lima", f"{LONG}Quito", 30, "utf-8")
    assert (ours, theirs) == ("…question is Lima", "…question is Quito")


def test_where_no_dots_can_be_written_three_points_stand_for_them() -> None:
    assert excerpts(f"{LONG}Lima", f"{LONG}Quito", 30, "ascii")[0].startswith("...")


def test_what_fits_or_differs_at_once_keeps_its_beginning() -> None:
    assert excerpts("Lima", "Quito", 30, "utf-8") == ("Lima", "Quito")
    ours, theirs = excerpts("Lima " * 20, "Quito " * 20, 20, "utf-8")
    assert ours.startswith("Lima Lima")
    assert theirs.startswith("Quito Quito")
    assert max(len(ours), len(theirs)) <= 20


def test_answers_with_little_in_common_are_not_taken_apart() -> None:
    assert differing("Lima", "The capital of Peru") == ([("Lima", False)], [("The capital of Peru", False)])


def test_no_answer_is_said_and_an_empty_one_quoted() -> None:
    assert quoted(None, 20, "utf-8") == "no answer"
    assert quoted("", 20, "utf-8") == '""'


def test_a_reason_is_shown_on_one_line() -> None:
    assert on_one_line(None, 40, "utf-8") == on_one_line("", 40, "utf-8") == ""
    assert on_one_line("two\n  lines", 40, "utf-8") == "two lines"
