"""Keys of samples: equal for equal questions, different for everything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Request
from harness.records.keys import KeyedQuestion, request_text

PLAIN = Request(messages=({"role": "user", "content": "q"},), sampling={"temperature": 0.7, "max_tokens": 8})
CHANGES: list[dict[str, Any]] = [
    {"messages": ({"role": "user", "content": "q "},)},
    {"messages": ({"role": "system", "content": ""}, {"role": "user", "content": "q"})},
    {"sampling": {"temperature": 0.7}},
    {"sampling": {"temperature": 0.8, "max_tokens": 8}},
    {"schema": {"type": "object"}},
    {"tools": ({"type": "function"},)},
    {"logprobs": 0},
    {"logprobs": 1},
    {"kind": "loglikelihood", "prompt": "q"},
    {"prompt": "q"},
    {"continuation": "q"},
    {"kind": "completion", "prompt": "q", "messages": ()},
    {"kind": "rolling", "prompt": "q", "messages": ()},
    {"truncate": True},
]


def key(
    request: Request, fingerprint: str = "f", generation: int = 0, occurrence: int = 0, case: str = "peru"
) -> bytes:
    return KeyedQuestion(request_text(fingerprint, request), occurrence, case).key(generation)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_whatever_changes_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    fields = {name: getattr(PLAIN, name) for name in Request.__slots__}
    assert key(Request(**(fields | change))) != key(PLAIN)


def test_version_generation_occurrence_and_case_change_the_key() -> None:
    changes = ({}, {"fingerprint": "g"}, {"generation": 1}, {"occurrence": 1}, {"case": "chad"}, {"case": ""})
    keys = {key(PLAIN, **change) for change in changes}  # type: ignore[arg-type]
    assert len(keys) == 6
    assert {len(each) for each in keys} == {16}
    assert key(PLAIN, generation=1, occurrence=11) != key(PLAIN, generation=11, occurrence=1)


def test_a_question_of_a_case_has_a_number_of_its_own_for_engines_whose_chance_is_theirs() -> None:
    questions = [KeyedQuestion(b"q", again, case) for again in (0, 1) for case in ("", "peru", "chad")]
    assert questions[0].number == 0
    assert len({question.number for question in questions}) == 6


def test_order_of_parameters_does_not_change_the_key() -> None:
    assert key(Request(sampling={"a": 1, "b": 2})) == key(Request(sampling={"b": 2, "a": 1}))


def test_key_stays_the_same_over_releases() -> None:
    assert request_text("f", PLAIN) == (
        b'["f",{"messages":[{"content":"q","role":"user"}],"sampling":{"max_tokens":8,"temperature":0.7}}]'
    )
    assert key(PLAIN).hex() == "e5b1887195e123784d0568e100000000"
    weighed = Request(kind="loglikelihood", prompt="q", continuation=" a")
    assert request_text("f", weighed) == b'["f",{"continuation":" a","kind":"loglikelihood","prompt":"q"}]'


@given(st.text(), st.text())
def test_different_prompts_have_different_keys(first: str, second: str) -> None:
    one, two = (key(Request(messages=({"role": "user", "content": text},))) for text in (first, second))
    assert (one == two) is (first == second)
