"""What applications return is read by its shape; what is no answer says what to return."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace as Thing
from typing import Any

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


@pytest.mark.parametrize("as_object", [True, False])
def test_a_chat_completion_of_openai(as_object: bool) -> None:
    message = {"role": "assistant", "content": "Nine.", "tool_calls": [CALL]}
    told = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "length", "message": message}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
    assert read_answer(openai.types.chat.ChatCompletion.model_validate(told) if as_object else told) == {
        "text": "Nine.",
        "tool_calls": [CALL],
        "finish_reason": "length",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


@pytest.mark.parametrize("as_object", [True, False])
def test_a_response_of_openai(as_object: bool) -> None:
    part = {"type": "output_text", "text": "Nine.", "annotations": []}
    told = {
        "id": "1",
        "object": "response",
        "created_at": 0,
        "model": "m",
        "parallel_tool_calls": True,
        "tools": [],
        "tool_choice": "auto",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [
            {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hours?"}]},
            {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"q": "hours"}'},
            {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "usage": {
            "input_tokens": 3,
            "output_tokens": 2,
            "total_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }
    assert read_answer(openai.types.responses.Response.model_validate(told) if as_object else told) == {
        "text": "Nine.",
        "tool_calls": [CALL],
        "reasoning": "Hours?",
        "finish_reason": "length",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


# The libraries below are not installed for the tests. Their shapes are those of langchain-core 1.8.3, llama-index-core
# 0.14.25, pydantic-ai 1 and openai-agents 0.24.0, whose own objects were read to the same answers.


def test_a_message_of_langchain() -> None:
    message = Thing(
        type="ai",
        content=[{"type": "text", "text": "Nine."}],
        tool_calls=[{"name": "find", "args": {"q": "hours"}, "id": "c1", "type": "tool_call"}],
        usage_metadata={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        response_metadata={"finish_reason": "stop"},
        additional_kwargs={},
    )
    assert read_answer(message) == {
        "text": "Nine.",
        "tool_calls": [CALL],
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


def test_a_chain_and_a_graph_of_langchain() -> None:
    document = Thing(page_content="We open at nine.", id="hours", metadata={"page": 1})
    chain = {"input": "When?", "answer": "Nine.", "context": [document]}
    assert read_answer(chain) == {
        "text": "Nine.",
        "context": [{"id": "hours", "text": "We open at nine.", "page": 1}],
    }
    human = Thing(type="human", content="When?", additional_kwargs={})
    usage = {"input_tokens": 3, "output_tokens": 2}
    said = Thing(type="ai", content="Nine.", tool_calls=[], additional_kwargs={}, usage_metadata=usage)
    assert read_answer({"messages": [human, said, said]}) == {
        "text": "Nine.",
        "usage": {"prompt_tokens": 6, "completion_tokens": 4},
        "messages": [{"role": "user", "content": "When?"}, *[{"role": "assistant", "content": "Nine."}] * 2],
    }


def test_answers_of_llamaindex() -> None:
    node = Thing(node=Thing(text="We open at nine.", node_id="hours", metadata={"page": 1}), score=0.5)
    found = read_answer(Thing(response="Nine.", source_nodes=[node], metadata=None))
    assert found == {
        "text": "Nine.",
        "context": [{"id": "hours", "text": "We open at nine.", "page": 1, "score": 0.5}],
    }
    role = Thing(value="assistant")
    message = Thing(role=role, content="Nine.", additional_kwargs={"tool_calls": [CALL]})
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    assert read_answer(Thing(message=message, raw={"usage": usage})) == {
        "text": "Nine.",
        "tool_calls": [CALL],
        "usage": usage,
    }
    assert read_answer(Thing(text="Nine.", raw=None)) == {"text": "Nine."}


def test_a_run_of_pydantic_ai() -> None:
    messages = [
        Thing(parts=[Thing(part_kind="user-prompt", content="When?")]),
        Thing(parts=[Thing(part_kind="tool-call", tool_name="find", args={"q": "hours"}, tool_call_id="c1")]),
        Thing(parts=[Thing(part_kind="tool-return", content=["At nine."], tool_name="find", tool_call_id="c1")]),
        Thing(parts=[Thing(part_kind="thinking", content="hm"), Thing(part_kind="text", content="Nine.")]),
    ]
    run = Thing(output="Nine.", all_messages=lambda: messages, usage=lambda: Thing(input_tokens=107, output_tokens=12))
    assert read_answer(run) == {
        "text": "Nine.",
        "messages": [
            {"role": "user", "content": "When?"},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "content": '["At nine."]', "tool_call_id": "c1"},
            {"role": "assistant", "content": "Nine."},
        ],
        "tool_calls": [CALL],
        "usage": {"prompt_tokens": 107, "completion_tokens": 12},
    }


def test_a_run_of_openai_agents() -> None:
    @dataclass
    class Hours:
        opens: int = 9
        days: list[str] = field(default_factory=lambda: ["Mon"])

    items = [
        {"role": "user", "content": "When?"},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"q": "hours"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "At nine."},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Nine."}]},
    ]
    usage = Thing(usage=Thing(input_tokens=6, output_tokens=4))
    run = Thing(final_output=Hours(), new_items=[], to_input_list=lambda: items, context_wrapper=usage)
    found = read_answer(run)
    assert json.loads(found.pop("text")) == {"opens": 9, "days": ["Mon"]}
    assert found["tool_calls"] == [CALL]
    assert found["usage"] == {"prompt_tokens": 6, "completion_tokens": 4}
    assert [turn["role"] for turn in found["messages"]] == ["user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize(
    "run",
    [
        Thing(final_output=None, new_items=[], to_input_list=list, context_wrapper=None),
        Thing(output=None, all_messages=list, usage=None),
    ],
)
def test_a_run_of_an_agent_that_waits_has_no_output_and_is_no_answer(run: Thing) -> None:
    with pytest.raises(UnreadableAnswerError, match="it has no final output; return the text"):
        read_answer(run)


def test_an_object_of_the_project_s_own() -> None:
    @dataclass
    class Reply:
        text: str
        context: list[str]
        secret: str = "not told"

    assert read_answer(Reply("Nine.", ["At nine."])) == {
        "text": "Nine.",
        "context": [{"id": "1", "text": "At nine."}],
    }
    with pytest.raises(UnreadableAnswerError, match="its text can't be told"):
        read_answer(Thing(said="Nine."))
