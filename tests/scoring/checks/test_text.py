"""Texts against texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Score, checks
from harness.errors import CheckError

IGNORED = st.lists(st.sampled_from(["case", "accents", "punctuation", "articles"]), unique=True)


def test_exact_is_equal_to_the_last_character() -> None:
    assert checks.exact("Paris", "Paris") == Score(1.0)
    assert checks.exact("Paris\n", "Paris") == Score(0.0, "'Paris\\n' is not 'Paris'")
    assert checks.exact("b", ["a", "b"]) == Score(1.0)
    assert checks.exact("", "") == Score(1.0)


def test_a_long_answer_is_cut_in_a_reason() -> None:
    reason = checks.exact("x" * 1_000_000, list("abcdef")).reason
    assert reason == f"'{'x' * 59}… is not 'a' or 'b' or 'c' or 3 others"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The Eiffel Tower.", "eiffel tower"),
        ("  eiffel\n\ttower ", "Eiffel Tower"),
        ("“Paris”, France!", "paris france"),
        ("**Paris**", "Paris"),
        ("ﬁne", "fine"),
        ("①", "1"),
        ("Ｐａｒｉｓ", "paris"),
        ("STRASSE", "straße"),
        ("U.S.A.", "usa"),
        ("It's", "its"),
        ("well-known", "well known"),
        ("A.", "A"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_normalised_overlooks_case_white_space_punctuation_articles_and_unicode_forms(answer, expected) -> None:
    assert checks.normalised(answer, expected) == Score(1.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("-5", "5"),
        ("3.5", "35"),
        ("10:30", "1030"),
        ("C#", "C"),
        ("5%", "5"),
        ("A", "B"),
        ("the", "a"),
        ("?", "!"),
        ("resume", "résumé"),
        ("theory", "ory"),
    ],
)
def test_normalised_keeps_what_carries_meaning(answer, expected) -> None:
    assert checks.normalised(answer, expected).value == 0


def test_normalised_says_what_was_compared() -> None:
    assert checks.normalised("The Lyon!", ["Paris.", "paris"]).reason == "'lyon' is not 'paris'"


def test_what_is_ignored_can_be_chosen() -> None:
    assert checks.normalise("Résumé.", ignore=["case", "accents"]) == "resume."
    with pytest.raises(CheckError, match=r"No difference named 'acents'.*Did you mean 'accents'"):
        checks.normalise("a", ignore=["acents"])


@given(st.text(), IGNORED)
def test_normalising_twice_changes_nothing(text: str, ignore: list) -> None:
    once = checks.normalise(text, ignore)
    assert checks.normalise(once, ignore) == once


@given(st.text(min_size=1))
def test_a_text_equals_and_contains_itself(text: str) -> None:
    assert checks.exact(text, text).value == 1
    assert checks.normalised(text, text).value == 1
    if text.strip():
        assert checks.contains(text, text, whole_words=False).value == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The capital of Peru is Lima.", "Lima"),
        ("LIMA", "lima"),
        ("It is N’Djamena, of course.", ["N'Djamena", "Ndjamena"]),
        ("Bogota", "Bogotá"),
        ("Bogotá", "Bogota"),
        ("Buenos\nAires", "Buenos Aires"),
        ("(mice)", "mice"),
        ("St. George's is the capital.", "St. George's"),
        ("東京 です", "東京"),
    ],
)
def test_a_whole_word_is_found_whatever_its_case_accents_and_quotes(answer, expected) -> None:
    assert checks.contains(answer, expected) == Score(1.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Limassol", "Lima"),
        ("The capital of Niger is Nigeria.", "Niamey"),
        ("mexico", "Mexico City"),
        ("Buenos", "Buenos Aires"),
        ("a.c", "abc"),
        ("abc", "a.c"),
        ("unhappy", "happy"),
        ("", "Lima"),
    ],
)
def test_a_part_of_a_word_or_phrase_is_not_enough(answer, expected) -> None:
    assert checks.contains(answer, expected).value == 0


def test_parts_of_words_count_where_they_are_asked_for() -> None:
    assert checks.contains("東京です", "東京").value == 0
    assert checks.contains("東京です", "東京", whole_words=False).value == 1


def test_of_several_words_one_is_enough() -> None:
    assert checks.contains("red and blue", ["green", "blue"]) == Score(1.0)
    assert checks.contains("red and blue", ["green", "grey"]).reason == "'red and blue' lacks 'green' or 'grey'"


@pytest.mark.parametrize("expected", ["", " ", [], ["Lima", ""]])
def test_an_expectation_without_a_word_is_refused(expected) -> None:
    with pytest.raises(CheckError, match="holds nothing to look for"):
        checks.contains("Lima", expected)


def test_matches_finds_a_pattern() -> None:
    assert checks.matches("It is 12 o'clock.", r"\d+ o'clock") == Score(1.0)
    assert checks.matches("YES!", re.compile("yes", re.IGNORECASE)) == Score(1.0)
    assert checks.matches("no", "yes").reason == "'yes' is not in 'no'"


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", 7])
def test_a_pattern_that_is_none_is_an_error(pattern) -> None:
    with pytest.raises(CheckError, match="is no regular expression"):
        checks.matches("text", pattern)
