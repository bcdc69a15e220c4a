"""Copies among cases: what is one, what is none, and what nearly is."""

from __future__ import annotations

from typing import Any

import pytest

from harness.gate.evaluations.resemblance import find_copies, find_near
from harness.records import Case

LETTER = (
    "Dear all, the library on Marlow Road opens at nine every weekday and closes at seven, on Saturdays it is open "
    "from ten until four and it is closed on Sundays; adults may borrow twelve books at a time for three weeks, "
    "children may borrow six and pay no fines, and whoever loses a card gets another one at the desk."
)


def cases(*rows: dict[str, Any]) -> list[Case]:
    return [Case({"id": f"c{i}", **row}) for i, row in enumerate(rows)]


def test_copies_are_equal_after_case_folding_and_white_space_in_all_fields_but_the_id() -> None:
    question = {"prompt": "What is the capital of Peru?", "expected": ["Lima"]}
    copy = {"prompt": " what is the\tcapital  of PERU?\n", "expected": ["lima"]}
    found = find_copies(cases(question, {"prompt": "Another one"}, copy))
    assert found is not None
    assert (found.labels, found.n_distinct, found.example) == (("c0", "c1", "c0"), 2, ("c0", "c2"))
    for change in ({"prompt": "What is the capital of Chad?"}, {"expected": ["Quito"]}, {"row": 1}):
        assert find_copies(cases(question, {**question, **change})) is None


@pytest.mark.parametrize(
    "row", [{"prompt": "Hi"}, {"prompt": "Say hello"}, {}, {"n": 5}, {"text": "What is it?", "x": {1, 2}}]
)
def test_short_texts_and_what_has_no_json_form_are_no_copies(row: dict[str, Any]) -> None:
    assert find_copies(cases(row, row)) is None


def test_long_texts_that_nearly_repeat_others_are_told_and_short_ones_and_equal_ones_are_not() -> None:
    letters = [LETTER, LETTER + " Yours.", LETTER.upper(), "Dear all, this is something else. " + "No. " * 30]
    assert find_near(cases(*({"prompt": letter} for letter in letters))) == (1, ("c0", "c1"))
    assert find_near(cases({"prompt": "What is it?"}, {"prompt": "What is it then?"})) is None
