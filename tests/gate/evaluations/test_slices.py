"""Slices of a marker, and those that cases have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Settings
from harness.decisions import decide
from harness.errors import CaseError, MarkerError
from harness.gate.evaluations.evaluation import check_evaluation, read_plan
from harness.gate.evaluations.slices import case_slices, check_slices, slices_again, slices_in_words
from harness.records import Case
from tests.decisions.observations import observed

SETTINGS = Settings(root=Path())


def cases(*topics: Any, **fields: list[Any]) -> tuple[Case, ...]:
    """Cases c0, c1, … with these topics, and other fields beside them."""
    rows = [{"id": f"c{i}", "topic": topic} for i, topic in enumerate(topics)]
    return tuple(Case({**row, **{name: given[i] for name, given in fields.items()}}) for i, row in enumerate(rows))


def read(**keywords: Any) -> tuple[tuple[str, ...], float | None]:
    """The fields and the margin of the slices that a marker asks for."""
    measures = keywords.pop("measures", False)
    plan = read_plan(keywords, SETTINGS, where="t.py::test_it", measures=measures)
    return plan.slice_fields, plan.slice_margin


# -------------------------------------------------------------------------------------------------------- the marker


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ("topic", ("topic",)),
        (("topic", "language"), ("topic", "language")),
        (["topic", " topic * language "], ("topic", "topic*language")),
    ],
)
def test_a_field_several_or_crossed_ones_are_slices(given: Any, fields: tuple[str, ...]) -> None:
    assert read(slices=given) == (fields, 0.05)


def test_the_margin_of_slices_is_the_evaluations_unless_it_is_given() -> None:
    assert read(slices="topic", margin=0.2) == (("topic",), 0.2)
    assert read(slices="topic", margin=0.02, slice_margin=0.2) == (("topic",), 0.2)
    assert read(slices="topic", margin=3, slice_margin=5, measures=True) == (("topic",), 5)
    assert read(slices="topic", margin="10 %", slice_margin="25 %", measures=True) == (("topic",), 0.25)
    assert read() == ((), None)


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"slices": 3}, 'slices = 3 names no fields of the cases; write slices="topic"'),
        ({"slices": ()}, "slices = () names no fields"),
        ({"slices": "topic*"}, "slices = 'topic*' names no fields"),
        ({"slices": "topic*topic"}, "slices = 'topic*topic' names no fields"),
        ({"slices": ("topic", "topic")}, "names a field twice"),
        ({"slice": "topic"}, "Did you mean 'slices'?"),
        ({"slice_margin": 0.1}, "slice_margin= is for slices, and there are none"),
        ({"slices": "topic", "slice_margin": 1.5}, "slice_margin = 1.5 lets everything pass"),
        ({"slices": "topic", "slice_margin": "10 %", "measures": True}, "both in per cent, or both are not"),
        ({"slices": "topic", "review": "all"}, "slices= does not go with review='all'"),
        ({"slices": "topic", "per": "case", "design": "fixed"}, "slices= does not go with per='case'"),
    ],
)
def test_what_is_no_slice_is_refused(keywords: dict[str, Any], told: str) -> None:
    with pytest.raises(MarkerError) as refused:
        read(**keywords)
    assert told in str(refused.value)


# --------------------------------------------------------------------------------------------------------- the cases


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("a", "b", None, "", float("nan"), "a"), "3 of 6 cases have no value of it: 'c2', 'c3', 'c4'. Give each"),
        (("a", "b", None, "a"), "1 of 4 cases has no value of it: 'c2'. Give each case one, such as 'topic': 'other'."),
        (("a", ["a", "b"], "b", "a"), "in case 'c1' it is ['a', 'b']: a slice is named by a number, a truth value or"),
        (("a", "b" * 200, "a", "a"), "…: a slice is named by a number, a truth value or a text of at most 100"),
    ],
)
def test_a_case_that_belongs_to_no_slice_is_named(given: tuple[Any, ...], told: str) -> None:
    with pytest.raises(CaseError) as refused:
        check_slices(("topic",), cases(*given), where="t")
    assert told in str(refused.value)


@pytest.mark.parametrize("topics", [(1, "1", 2, 2), ("True", "a", "a", True), (2, 2, 1.5, "1.5")])
def test_values_that_are_equal_only_as_texts_are_refused(topics: tuple[Any, ...]) -> None:
    with pytest.raises(CaseError, match=r"some cases have .* and both would be one slice of that name"):
        check_slices(("topic",), cases(*topics), where="t")


def test_values_of_crossed_fields_hold_no_sign_that_would_join_two_slices() -> None:
    known = cases("x*y", "x", "n", "n", language=["z", "y*z", "m", "m"])
    check_slices(("topic",), known, where="t")
    with pytest.raises(CaseError, match=r"slices='topic' is crossed .* in case 'c0' it is 'x\*y': .* without the sign"):
        check_slices(("topic*language",), known, where="t")


def test_a_field_that_cases_lack_is_told_with_those_that_they_have() -> None:
    with pytest.raises(
        CaseError, match=r"slices='language', but 2 of 2 cases have no value .* Fields of 'c0': id, topic"
    ):
        check_slices(("topic*language",), cases("a", "b"), where="t")


def test_a_field_that_no_case_has_may_be_another_misspelt() -> None:
    own = ("topics",)
    with pytest.raises(CaseError, match=r"Fields of 'c0': id, topic\. Did you mean 'topic'\?"):
        check_slices(own, cases("a", "b"), where="t")
    with pytest.raises(CaseError, match=r"Fields of 'c0': id, topic, topics\.$"):
        check_slices(own, cases("a", "b", topics=["", "b"]), where="t")


def test_one_slice_and_a_slice_for_each_case_are_refused_unless_cases_were_chosen_by_hand() -> None:
    own = ("topic",)
    with pytest.raises(MarkerError, match="all 3 cases have the value 'a': that slice is the evaluation itself"):
        check_slices(own, cases("a", "a", "a"), where="t")
    with pytest.raises(MarkerError, match="each of the 3 cases has a value of its own: a slice of one case can show"):
        check_slices(own, cases("a", "b", "c"), where="t")
    check_slices(own, cases("a", "a"), where="t", is_part=True)
    check_slices(own, cases("a", "b", "a"), where="t")
    check_slices((), cases("a"), where="t")


def test_evaluations_are_checked_before_anything_is_asked() -> None:
    read = read_plan({"slices": "topic"}, SETTINGS, where="t")
    with pytest.raises(CaseError, match="no value of it"):
        check_evaluation(read, cases("a", None), where="t")


def test_slices_are_the_values_of_each_field_and_those_of_crossed_ones() -> None:
    known = cases("a", "b", "a", "b", n=[1, 1, 2, 2], hard=[True, False, True, np.bool_(True)])
    found = case_slices(("topic", "topic*n", "hard"), known, order=[3, 2, 1, 0], horizon=2)
    assert [(each.field, each.value, sorted(each.case_ids), each.size, each.horizon) for each in found] == [
        ("topic", "a", ["c0", "c2"], 2, 1),
        ("topic", "b", ["c1", "c3"], 2, 1),
        ("topic*n", "a*1", ["c0"], 1, 0),
        ("topic*n", "b*1", ["c1"], 1, 0),
        ("topic*n", "a*2", ["c2"], 1, 1),
        ("topic*n", "b*2", ["c3"], 1, 1),
        ("hard", "True", ["c0", "c2", "c3"], 3, 2),
        ("hard", "False", ["c1"], 1, 0),
    ]
    assert case_slices((), known) == ()
    assert slices_in_words(("topic", "topic*n"), known) == "topic (2), topic*n (4)"
    assert slices_in_words((), known) == ""


def test_a_stored_verdict_has_its_slices_again() -> None:
    from dataclasses import replace

    known = cases("a", "b", "a", "b")
    of_cases = case_slices(("topic",), known)
    ones = np.ones((3, 4))
    entry = observed(ones, ones, slices=of_cases, case_ids=("c0", "c1", "c2"), n_planned=4, suite_size=4, about="suite")
    (verdict,) = decide([entry], 0.95)
    told = [replace(each, fields={"topic": "ab"[i % 2]}) for i, each in enumerate(verdict.cases)]
    again = slices_again(replace(verdict, cases=tuple(told)), entry.case_ids)
    assert {(each.value, tuple(sorted(each.case_ids)), each.size) for each in again} == {
        ("a", ("c0", "c2"), 2),
        ("b", ("c1",), 2),
    }
    part = slices_again(replace(verdict, cases=tuple(told)), ["c0"])
    assert [(each.value, each.size) for each in part] == [("a", 1)]
    assert slices_again(replace(verdict, slices=()), entry.case_ids) == ()
