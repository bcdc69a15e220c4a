"""What applications return is read by its shape; what is no answer says what to return."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from types import SimpleNamespace as Thing
from typing import Any

import numpy as np
import pytest

from harness.errors import FailedDrawError
from harness.models.application.answers import read_answer
from harness.models.application.worker import as_json
from harness.records import Sample
from tests.libraries import needed

pytestmark = pytest.mark.service

openai = needed("openai")

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "hours"}'}}
SHORT_CALL = {"name": "find", "arguments": {"q": "hours"}, "id": "c1"}
USAGE = {"input_tokens": 3, "output_tokens": 2}
COUNTED = {"prompt_tokens": 3, "completion_tokens": 2}
PASSAGES = ({"id": "1", "text": "We open."}, {"id": "7", "text": "At nine.", "page": 3})


def read(value: Any, *asked: dict[str, Any]) -> Sample:
    """An answer on its way from the application's process."""
    return read_answer(json.loads(json.dumps(as_json(value))), asked, "It")


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("Nine.", Sample("Nine.")),
        ("", Sample("")),
        ({"text": "Nine."}, Sample("Nine.")),
        ({"text": "", "tool_calls": [SHORT_CALL]}, Sample("", tool_calls=(CALL,))),
        ({"tool_calls": [CALL]}, Sample("", tool_calls=(CALL,))),
        ({"text": "x", "context": ["We open.", {**PASSAGES[1], "id": 7}]}, Sample("x", context=PASSAGES)),
        ({"text": "x", "context": []}, Sample("x", context=())),
        ({"text": "x", "usage": USAGE, "cost": 0.25, "reasoning": None}, Sample("x", cost=0.25, **COUNTED)),
        ({"text": "x", "cost": Decimal("0.25")}, Sample("x", cost=0.25)),
        ({"text": "x", "cost": np.float32(0.25)}, Sample("x", cost=0.25)),
        ({"text": "x", "cost": 1}, Sample("x", cost=1.0)),
        ({"text": "x", "metadata": {"routes": {"b", "a"}}}, Sample("x", metadata={"routes": ["a", "b"]})),
    ],
)
def test_texts_and_tables(value: Any, answer: Sample) -> None:
    assert read(value) == answer


def test_messages_give_the_text_and_the_calls_of_this_answer() -> None:
    asked = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "", "tool_calls": [{**CALL, "id": "c0"}]},
        {"role": "user", "content": "When?"},
    )
    turns = (
        *asked,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "At nine.", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Nine."},
    )
    assert read({"messages": turns}, *asked) == Sample("Nine.", messages=turns, tool_calls=(CALL,))


def _calling(calls: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": "Nine.", "tool_calls": calls}]}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"choices": []}, r"it is a completion; return its message, choices\[0\].message"),
        (None, "It returned None; return the text, or a dict"),
        ({}, "it has no text"),
        ({"text": None}, "it has no text"),
        ({"text": "x", "contxt": []}, "'contxt' is no field of an answer .* Did you mean 'context'"),
        ({"text": "x", "colour": "red"}, "Put what else there is into metadata"),
        ({"text": "x", "context": "We open."}, "context is 'We open.': input should be a valid list"),
        ({"text": "x", "context": [{"id": "a"}]}, "the passage .* has no text"),
        ({"text": "x", "tool_calls": [{"arguments": {}}]}, "the call of a tool .* has no name"),
        ({"text": "x", "usage": {"prompt_tokens": -1}}, "usage.prompt_tokens is -1: input should be greater"),
        ({"text": "x", "cost": float("nan")}, "cost is nan: input should be a finite number"),
        ({"text": "x", "cost": True}, "cost is True: input should be a valid number"),
        ({"text": "x", "cost": "0.5"}, "cost is '0.5': input should be a valid number"),
        ({"text": "x", "cost": "free"}, "cost is 'free': input should be a valid number"),
        ({"text": "x", "metadata": ["a"]}, "metadata is .*: input should be a valid dictionary"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "it has no text"),
        (_calling(["boom"]), r"tool_calls.0 is 'boom': input should be a valid dictionary"),
        (_calling({"a": 1}), "the tool_calls of a message are .*, not a list"),
        (_calling(5), "the tool_calls of a message are 5, not a list"),
        ({"messages": [{"content": "Hi"}]}, "the message .* has no role; give role and content"),
        ({"text": 5}, "text is 5: input should be a valid string"),
    ],
)
def test_what_is_no_answer_says_why_and_what_to_return(value: Any, words: str) -> None:
    with pytest.raises(FailedDrawError, match=words):
        read_answer(value, (), "It")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Thing(text="Nine."), "it has no text that Steelyard knows"),
        (7, "it has no text that Steelyard knows; return the text"),
        ({"text": b"Nine."}, "text is b'Nine.', not a text"),
    ],
)
def test_what_has_no_text_of_its_own_is_not_made_one(value: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        as_json(value)


@pytest.mark.parametrize("content", ["Nine.", [{"type": "text", "text": "Ni"}, {"type": "text", "text": "ne."}]])
def test_a_message_of_openai_as_an_object_a_dict_or_one_of_several(content: Any) -> None:
    message = {"role": "assistant", "content": content, "tool_calls": [CALL]}
    answer = Sample("Nine.", tool_calls=(CALL,))
    assert read(message) == answer
    made = openai.types.chat.ChatCompletionMessage.model_validate({**message, "content": "Nine."})
    assert read(made) == answer
    found = read({"messages": [{"role": "user", "content": "When?"}, made]}, {"role": "user", "content": "When?"})
    assert (found.text, (found.messages or ())[1]) == ("Nine.", {**message, "content": "Nine."})
    usage = openai.types.CompletionUsage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
    assert read({"text": "x", "usage": usage}) == Sample("x", **COUNTED)


def test_metadata_become_what_json_holds() -> None:
    value = {"n": np.float64(0.5), "a": np.arange(2), "d": date(2026, 11, 27), "t": (1,), "x": float("nan")}
    found = read({"text": "x", "metadata": value}).metadata
    assert found == {"n": 0.5, "a": [0, 1], "d": "2026-11-27", "t": [1], "x": "NaN"}
