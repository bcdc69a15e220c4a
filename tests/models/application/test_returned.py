"""What applications return is read by its shape; what is no answer says what to return."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace as Thing
from typing import Any

import numpy as np
import pytest

from harness.models.application.returned import UnreadableAnswerError, read_answer
from tests.libraries import needed

pytestmark = pytest.mark.service

openai = needed("openai")

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "hours"}'}}


USAGE = {"input_tokens": 3, "output_tokens": 2}
COUNTED = {"prompt_tokens": 3, "completion_tokens": 2}
SHORT_CALL = {"name": "find", "arguments": {"q": "hours"}, "id": "c1"}
PASSAGES = [{"id": "1", "text": "We open."}, {"id": "7", "text": "At nine.", "page": 3}]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("Nine.", {"text": "Nine."}),
        ("", {"text": ""}),
        ({"text": "Nine."}, {"text": "Nine."}),
        ({"text": "", "tool_calls": [SHORT_CALL]}, {"text": "", "tool_calls": [CALL]}),
        ({"tool_calls": [CALL]}, {"text": "", "tool_calls": [CALL]}),
        ({"text": "x", "context": ["We open.", {**PASSAGES[1], "id": 7}]}, {"text": "x", "context": PASSAGES}),
        ({"text": "x", "context": []}, {"text": "x", "context": []}),
        ({"text": "x", "usage": USAGE, "cost": 0.25}, {"text": "x", "usage": COUNTED, "cost": 0.25}),
        ({"text": "x", "metadata": {"routes": {"b", "a"}}}, {"text": "x", "metadata": {"routes": ["a", "b"]}}),
    ],
)
def test_texts_and_tables(value: Any, answer: dict[str, Any]) -> None:
    assert read_answer(value) == answer


def test_messages_give_the_text_and_the_calls_of_this_answer() -> None:
    earlier = {"role": "assistant", "content": "", "tool_calls": [{**CALL, "id": "c0"}]}
    turns = [
        {"role": "user", "content": "Hi"},
        earlier,
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "At nine.", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Nine."},
    ]
    assert read_answer({"messages": turns}) == {"messages": turns, "text": "Nine.", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "returned None; return the text, or a dict"),
        (Thing(text="Nine."), "its text can't be told"),
        ({"choices": []}, r"it is a completion; return its message, choices\[0\].message"),
        (7, "returned 7: its text can't be told; return the text"),
        ({}, "it has no text"),
        ({"text": None}, "it has no text"),
        ({"text": b"Nine."}, "text is b'Nine.', not a text"),
        ({"text": "x", "contxt": []}, "'contxt' is no field of an answer .* the nearest is 'context'$"),
        ({"text": "x", "colour": "red"}, "put what else there is into metadata"),
        ({"text": "x", "context": "We open."}, "context is 'We open.'; give a list of passages"),
        ({"text": "x", "context": [{"id": "a"}]}, "the passage .* has no text"),
        ({"text": "x", "tool_calls": [{"arguments": {}}]}, "the call of a tool .* has no name"),
        ({"text": "x", "usage": {"prompt_tokens": -1}}, "prompt_tokens is -1, not a number of tokens"),
        ({"text": "x", "cost": float("nan")}, "cost is nan, not an amount of money"),
        ({"text": "x", "cost": "free"}, "cost is 'free', not an amount of money"),
        ({"text": "x", "metadata": ["a"]}, "metadata is .*, not a table"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "it has no text"),
        ({"messages": ["Hi"]}, "the message 'Hi' has no role; give role and content"),
        ({"text": "x", "finish_reason": 5}, "finish_reason is 5, not a text$"),
    ],
)
def test_what_is_no_answer_says_why_and_what_to_return(value: Any, words: str) -> None:
    with pytest.raises(UnreadableAnswerError, match=words):
        read_answer(value)


@pytest.mark.parametrize("content", ["Nine.", [{"type": "text", "text": "Ni"}, {"type": "text", "text": "ne."}]])
def test_a_message_of_openai_as_an_object_a_dict_or_one_of_several(content: Any) -> None:
    message = {"role": "assistant", "content": content, "tool_calls": [CALL]}
    assert read_answer(message) == {"text": "Nine.", "tool_calls": [CALL]}
    made = openai.types.chat.ChatCompletionMessage.model_validate({**message, "content": "Nine."})
    assert read_answer(made) == {"text": "Nine.", "tool_calls": [CALL]}
    found = read_answer({"messages": [{"role": "user", "content": "When?"}, made]})
    assert (found["text"], found["messages"][1]) == ("Nine.", {**message, "content": "Nine."})
    usage = openai.types.CompletionUsage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
    assert read_answer({"text": "x", "usage": usage})["usage"] == COUNTED


def test_metadata_become_what_json_holds() -> None:
    value = {"n": np.float64(0.5), "a": np.arange(2), "d": date(2026, 11, 27), "t": (1,), "x": float("nan")}
    found = read_answer({"text": "x", "metadata": value})["metadata"]
    assert found == {"n": 0.5, "a": [0, 1], "d": "2026-11-27", "t": [1], "x": "NaN"}


def test_what_is_long_is_cut() -> None:
    with pytest.raises(UnreadableAnswerError, match=r"returned \['x{77}…: "):
        read_answer(["x" * 1_000])
