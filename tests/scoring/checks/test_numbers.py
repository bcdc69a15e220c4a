"""The number that an answer gives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Score, checks
from harness.errors import CheckError
from harness.scoring.checks.numbers import _last

pytestmark = pytest.mark.service


def last_number(text: str) -> float | None:
    found = _last(text)
    return None if found is None else float(found[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 + 5 = 12.", 12),
        ("7+5=12", 12),
        ("8 x 105", 105),
        ("2 - 9 = -7", -7),
        ("2 − 9 = −7", -7),
        ("9-4", 4),
        ("3.5 and 1,250,000", 1250000),
        ("1\u202f250\u202f000", 1250000),
        ("1'250.50 or 1_000", 1000),
        ("€1'250.50", 1250.5),
        ("1, 2, 3", 3),
        ("**81**", 81),
        ("3.14.", 3.14),
        (".5", 0.5),
        ("12 %", 12),
        ("50\\%", 50),
        ("1.5e3", 1500),
        ("1.5E-03", 0.0015),
        ("1.5×10^3", 1500),
        ("1.5 × 10³", 1500),
        ("2 x 10^-3", 0.002),
        ("2 \\times 10^{3}", 2000),
        ("5kg", 5),
        ("at 10am", 10),
        ("The larger number is 93.", 93),
        ("8 x 7 = 56\n", 56),
        ("٣", 3),
        ("1e99999999999999999999", math.inf),
    ],
)
def test_the_last_number_is_the_result(text: str, expected: float) -> None:
    assert last_number(text) == expected


@pytest.mark.parametrize("text", ["", "twelve", "H2O, 1st, x86", "v1.2", "0x1F"])
def test_digits_within_a_word_are_no_number(text: str) -> None:
    assert last_number(text) is None


@pytest.mark.parametrize("text", ["3,5", "1,2345", "1.2.3", "1.000,5", "1/2", "12/05/2024"])
def test_what_could_be_read_in_two_ways_is_no_number(text: str) -> None:
    assert last_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read(number: float) -> None:
    assert last_number(f"It is {number!r}.") == number
    assert checks.numeric(f"= {number!r}", number) == Score(1.0)


@given(st.integers())
def test_thousands_are_read(number: int) -> None:
    assert checks.numeric(f"{number:,} in all", number) == Score(1.0)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    last_number(text)


@pytest.mark.parametrize(
    ("answer", "expected", "tolerance", "value"),
    [
        ("0.4", 0.3, {"absolute": 0.1}, 1),  # exact in decimals, where floats are off by a hair
        ("0.4001", 0.3, {"absolute": 0.1}, 0),
        ("99", 100, {"relative": 0.01}, 1),
        ("98.9", 100, {"relative": 0.01}, 0),
        ("-99", -100, {"relative": 0.01}, 1),
        ("101", 100, {"absolute": 2, "relative": 0.001}, 1),
        ("0.5", 0, {"relative": 0.5}, 0),
        ("1,250", "1,250", {}, 1),
        ("0.30000000000000004", 0.3, {}, 0),
    ],
)
def test_tolerances(answer, expected, tolerance, value) -> None:
    assert checks.numeric(answer, expected, **tolerance).value == value


def test_a_percentage_is_as_written() -> None:
    assert checks.numeric("50%", 50).value == 1
    assert checks.numeric("50%", 0.5).value == 0


def test_the_reason_says_which_number_was_read() -> None:
    assert checks.numeric("2 + 2 = 1,250.0 kg", 4).reason == "1,250.0 is not 4"
    assert checks.numeric("It is 3.1.", 3.14159, relative=0.01).reason == "3.1 is not within 0.0314159 of 3.14159"
    assert checks.numeric("I cannot say.", 4).reason == "no number in 'I cannot say.'"


@pytest.mark.parametrize("expected", [None, True, "four", math.nan, math.inf, [4]])
def test_an_expected_number_that_is_none_is_an_error(expected) -> None:
    with pytest.raises(CheckError, match="is no number"):
        checks.numeric("4", expected)


@pytest.mark.parametrize("tolerance", [-0.1, math.nan, math.inf, "0.1", True])
def test_a_tolerance_that_is_none_is_an_error(tolerance) -> None:
    with pytest.raises(CheckError, match=r"absolute = .* is no tolerance"):
        checks.numeric("4", 4, absolute=tolerance)
