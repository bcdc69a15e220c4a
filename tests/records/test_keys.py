"""Keys of samples: equal for equal questions, different for everything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Request
from harness.records.keys import KeyedQuestion, request_text, sample_key

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


def key(request: Request, fingerprint: str = "f", generation: int = 0, occurrence: int = 0) -> bytes:
    return sample_key(request_text(fingerprint, request), generation, occurrence)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_whatever_changes_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    fields = {name: getattr(PLAIN, name) for name in Request.__slots__}
    assert key(Request(**(fields | change))) != key(PLAIN)


def test_version_generation_and_occurrence_change_the_key() -> None:
    keys = {key(PLAIN), key(PLAIN, "g"), key(PLAIN, generation=1), key(PLAIN, occurrence=1)}
    assert len(keys) == 4
    assert key(PLAIN, generation=1, occurrence=11) != key(PLAIN, generation=11, occurrence=1)


def test_a_question_has_one_key_in_each_generation() -> None:
    question = KeyedQuestion(request_text("f", PLAIN), occurrence=2)
    assert [question.key(generation) for generation in (0, 3)] == [
        key(PLAIN, generation=0, occurrence=2),
        key(PLAIN, generation=3, occurrence=2),
    ]


def test_order_of_parameters_does_not_change_the_key() -> None:
    assert key(Request(sampling={"a": 1, "b": 2})) == key(Request(sampling={"b": 2, "a": 1}))


def test_key_stays_the_same_over_releases() -> None:
    assert request_text("f", PLAIN) == (
        b'["f",{"messages":[{"content":"q","role":"user"}],"sampling":{"max_tokens":8,"temperature":0.7}}]'
    )
    assert key(PLAIN).hex() == "dadb831d4b84b895214eb357479dfdd7"
    weighed = Request(kind="loglikelihood", prompt="q", continuation=" a")
    assert request_text("f", weighed) == b'["f",{"continuation":" a","kind":"loglikelihood","prompt":"q"}]'


@given(st.text(), st.text())
def test_different_prompts_have_different_keys(first: str, second: str) -> None:
    one, two = (key(Request(messages=({"role": "user", "content": text},))) for text in (first, second))
    assert (one == two) is (first == second)
