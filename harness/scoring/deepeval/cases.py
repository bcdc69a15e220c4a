"""The test case that deepeval's metrics look at: an answer, or the turns of a conversation. Imports deepeval: only for
use once that is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from deepeval.metrics import BaseConversationalMetric, BaseMetric
from deepeval.test_case import ConversationalTestCase, LLMTestCase, ToolCall, Turn

from harness.errors import CheckError
from harness.records import Messages, Sample
from harness.records.tool_calls import words_of
from harness.scoring.checks.given import answer_text, shown
from harness.scoring.deepeval.metrics import required_fields
from harness.scoring.judging.measures import Fields

_IN_OUR_WORDS = {
    "actual_output": "output",
    "expected_output": "expected",
    "retrieval_context": "context",
    "tools_called": "tools",
    "expected_outcome": "expected",
}


def make_case(metric: BaseMetric | BaseConversationalMetric, fields: Fields) -> LLMTestCase | ConversationalTestCase:
    """The fields as a test case, with all that the metric needs.

    Raises:
        CheckError: a field is missing, empty, or of another kind than it must be.
    """
    if isinstance(metric, BaseConversationalMetric):
        return _conversation(metric, fields)
    needed = required_fields(metric)
    passages = _passages(fields.context, "context")
    found = _passages(fields.retrieval_context, "retrieval_context")
    given: dict[str, Any] = {
        "input": _text(fields.input, "input"),
        "actual_output": _text(fields.output, "output"),
        "expected_output": _text(fields.expected, "expected"),
        "context": passages,
        "retrieval_context": found if found is not None or "retrieval_context" not in needed else passages,
        "tools_called": _tools(fields.tools, "tools"),
        "expected_tools": _tools(fields.expected_tools, "expected_tools"),
    }
    _check_complete(metric, needed, given)
    case = LLMTestCase(**{**given, "input": given["input"] or ""})
    case.multimodal = False
    """Whatever an answer says: "[DEEPEVAL:IMAGE:PATH]" in one would make deepeval open the file."""
    return case


def _conversation(metric: BaseConversationalMetric, fields: Fields) -> ConversationalTestCase:
    """The turns of a transcript as a test case."""
    name, transcript = type(metric).__name__, fields.output
    if not isinstance(transcript, Sample) or not transcript.messages:
        raise CheckError(
            f"{name} judges a conversation: write judge.measure({name}, output=transcript), with what model.converse "
            "or model.loop gives."
        )
    needed = required_fields(metric)
    passages = _passages(fields.context, "context")
    found = _passages(fields.retrieval_context, "retrieval_context") or passages
    if found is None and transcript.context:
        found = [str(each.get("text", "")) for each in transcript.context]
    given: dict[str, Any] = {
        "expected_outcome": _text(fields.expected, "expected"),
        "context": passages,
        "scenario": _text(fields.scenario, "scenario"),
        "user_description": _text(fields.user_description, "user_description"),
        "chatbot_role": _text(fields.chatbot_role, "chatbot_role"),
    }
    turns = _turns(transcript.messages, found)
    of_turns = {"role": turns, "content": turns, "tools_called": turns, "retrieval_context": found}
    _check_complete(metric, needed, {**given, **of_turns})
    case = ConversationalTestCase(turns=turns, **given)
    case.multimodal = False
    return case


def _turns(messages: Messages, passages: list[str] | None) -> list[Turn]:
    """The turns of user and assistant. Tools that were called without a word belong to the assistant's next turn."""
    turns: list[Turn] = []
    called: list[ToolCall] = []
    by_id: dict[Any, ToolCall] = {}
    for message in (*messages, {"role": "user"}):
        role = message.get("role")
        if role == "tool" and message.get("tool_call_id") in by_id:
            by_id[message["tool_call_id"]].output = words_of(message)
        if role == "assistant":
            for call in message.get("tool_calls") or ():
                called.append(_tool(call, "tools"))
                by_id[call.get("id")] = called[-1]
        text = words_of({"content": message.get("content")})
        if (role == "assistant" and text) or (role == "user" and called):
            spoken = text if role == "assistant" else ""
            given = {"tools_called": called or None, "retrieval_context": passages}
            turns.append(Turn(role="assistant", content=spoken, **given))
            called = []
        if role == "user" and text:
            turns.append(Turn(role="user", content=text))
    return turns


def _check_complete(
    metric: BaseMetric | BaseConversationalMetric, needed: Sequence[str], given: Mapping[str, Any]
) -> None:
    name = type(metric).__name__
    missing = [field for field in needed if given.get(field) is None]
    if missing:
        words = [_IN_OUR_WORDS.get(field, field) for field in missing]
        unknown = [word for word in words if word not in Fields.__slots__]
        if unknown:
            raise CheckError(f"{name} needs {', '.join(unknown)}, which judge.measure can't give it.")
        raise CheckError(
            f"{name} needs {', '.join(missing)}: write judge.measure({name}, "
            f"{', '.join(f'{word}=…' for word in dict.fromkeys(words))})."
        )
    for field in ("context", "retrieval_context"):
        if field in needed and not any(passage.strip() for passage in given[field] or ()):
            raise CheckError(
                f"{name} needs passages, and {_IN_OUR_WORDS.get(field, field)} = {shown(given[field])} holds none; "
                "decide in the body what an answer without any is worth."
            )


def _text(value: Any, field: str) -> str | None:
    return None if value is None else answer_text(value, f"judge.measure({field}=…)")


def _passages(value: Any, field: str) -> list[str] | None:
    if value is None:
        return None
    passages = [value] if isinstance(value, str) else value
    if not isinstance(passages, Sequence) or not all(isinstance(passage, str) for passage in passages):
        raise CheckError(f"judge.measure: {field} = {shown(value)} is neither a text nor a list of texts.")
    return list(passages)


def _tools(value: Any, field: str) -> list[ToolCall] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise CheckError(
            f"judge.measure: {field} = {shown(value)} is no list; give names, sample.tool_calls or deepeval's ToolCall."
        )
    return [_tool(item, field) for item in value]


def _tool(item: Any, field: str) -> ToolCall:
    """A tool call from its name, from the form of OpenAI's API, or as it is."""
    if isinstance(item, ToolCall):
        return item
    if isinstance(item, str):
        return ToolCall(name=item)
    function: Any = item.get("function") if isinstance(item, Mapping) else None
    try:
        arguments = function["arguments"] or "{}"
        return ToolCall(name=function["name"], input_parameters=json.loads(arguments))
    except (TypeError, KeyError, ValueError) as error:
        raise CheckError(
            f"judge.measure: {field} holds {shown(item)}, which is no tool call ({error}); give names, "
            "sample.tool_calls or deepeval's ToolCall."
        ) from None
