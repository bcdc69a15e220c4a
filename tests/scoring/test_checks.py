import doctest

import pytest

from harness.scoring import checks
from harness.scoring.checks import contains_word, last_number, normalised, numbers


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(checks).failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_a_whole_word_is_found_whatever_its_case_accents_and_quotes(text, expected):
    assert contains_word(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_a_part_of_a_word_or_phrase_is_not_enough(text, expected):
    assert not contains_word(text, expected)


def test_case_counts_where_it_is_asked_to():
    assert contains_word("It is Au.", "Au", case_sensitive=True)
    assert not contains_word("It is au.", "Au", case_sensitive=True)


@pytest.mark.parametrize("expected", ["", " ", [], ["Lima", ""]])
def test_an_expectation_without_a_word_is_refused(expected):
    with pytest.raises(ValueError, match="no word to look for"):
        contains_word("Lima", expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 + 5 = 12.", [7, 5, 12]),
        ("7+5=12", [7, 5, 12]),
        ("2 - 9 = -7", [2, 9, -7]),
        ("2 − 9 = −7", [2, 9, -7]),
        ("3.5 and 1,250,000", [3.5, 1250000]),
        ("H2O, 1st, x86", []),
        ("1, 2, 3", [1, 2, 3]),
        ("no number", []),
        ("**81**", [81]),
    ],
)
def test_numbers_are_read_in_order(text, expected):
    assert expected == numbers(text)


def test_the_last_number_is_the_result():
    assert last_number("The larger number is 93.") == 93
    assert last_number("8 x 7 = 56\n") == 56
    assert last_number("I cannot say.") is None


def test_normalising_twice_changes_nothing():
    text = normalised(" Ångström’s  “É”\tſ ﬁ ")
    assert normalised(text) == text
