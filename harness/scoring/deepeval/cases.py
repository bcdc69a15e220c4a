"""The test case that deepeval's metrics look at: an answer, or the turns of a conversation. Imports deepeval: only for
use once that is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepeval.metrics import BaseConversationalMetric
from deepeval.test_case import ConversationalTestCase, LLMTestCase, ToolCall, Turn

from harness.errors import CheckError
from harness.records import Messages, Sample
from harness.records.tool_calls import words_of
from harness.scoring.checks.given import answer_text, shown
from harness.scoring.deepeval.metrics import Metric, required_fields

_IN_OUR_WORDS = {
    "actual_output": "output",
    "expected_output": "expected",
    "retrieval_context": "context",
    "tools_called": "tools",
    "expected_outcome": "expected",
}
_TOOLS = "give names, sample.tool_calls or deepeval's ToolCall."


@dataclass(frozen=True, slots=True)
class Fields:
    """The facts that are known of one answer, as `judge.measure` takes them. A metric needs some, and says which."""

    input: str | None = None
    output: str | Sample | None = None
    expected: str | None = None
    context: str | Sequence[str] | None = None
    retrieval_context: str | Sequence[str] | None = None
    tools: Sequence[Any] | None = None
    expected_tools: Sequence[Any] | None = None
    scenario: str | None = None
    user_description: str | None = None
    chatbot_role: str | None = None


def make_case(metric: Metric, fields: Fields) -> LLMTestCase | ConversationalTestCase:
    """The fields as a test case, with all that the metric needs.

    Raises:
        CheckError: a field is missing, empty, or of another kind than it must be.
    """
    is_conversation = isinstance(metric, BaseConversationalMetric)
    known = _conversation(metric, fields) if is_conversation else _answer(metric, fields)
    name, needed = type(metric).__name__, required_fields(metric)
    _check_missing(name, [field for field in needed if known.get(field) is None])
    kind = ConversationalTestCase if is_conversation else LLMTestCase
    try:
        case = kind(**{name: value for name, value in known.items() if name in kind.model_fields})
    except (TypeError, ValueError) as error:  # deepeval looks at the kinds of values
        raise CheckError(f"judge.measure: {error}") from None
    for field in {"context", "retrieval_context"} & {*needed}:
        if not any(passage.strip() for passage in known[field]):
            raise CheckError(
                f"{name} needs passages, and {_IN_OUR_WORDS.get(field, field)} = {shown(known[field])} holds none; "
                "decide in the body what an answer without any is worth."
            )
    case.multimodal = False
    """Whatever an answer says: "[DEEPEVAL:IMAGE:PATH]" in one would make deepeval open the file."""
    return case


def _answer(metric: Metric, fields: Fields) -> dict[str, Any]:
    context, retrieved, needed = _listed(fields.context), _listed(fields.retrieval_context), required_fields(metric)
    return {
        "input": fields.input if "input" in needed or fields.input is not None else "",
        "actual_output": None if fields.output is None else answer_text(fields.output, "judge.measure(output=…)"),
        "expected_output": fields.expected,
        "context": context,
        "retrieval_context": context if retrieved is None and "retrieval_context" in needed else retrieved,
        "tools_called": _tools(fields.tools),
        "expected_tools": _tools(fields.expected_tools),
    }


def _conversation(metric: Metric, fields: Fields) -> dict[str, Any]:
    name, transcript = type(metric).__name__, fields.output
    if not isinstance(transcript, Sample) or not transcript.messages:
        raise CheckError(
            f"{name} judges a conversation: write judge.measure({name}, output=transcript), with what model.converse "
            "or model.loop gives."
        )
    context = _listed(fields.context)
    retrieved = _listed(fields.retrieval_context) or context
    if retrieved is None and transcript.context:
        retrieved = [str(each.get("text", "")) for each in transcript.context]
    turns = _turns(transcript.messages, retrieved)
    return {
        **dict.fromkeys(("turns", "role", "content", "tools_called"), turns),
        **{field: getattr(fields, field) for field in ("scenario", "user_description", "chatbot_role")},
        "expected_outcome": fields.expected,
        "context": context,
        "retrieval_context": retrieved,
    }


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
                called.append(_tool(call))
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


def _check_missing(name: str, missing: Sequence[str]) -> None:
    words = list(dict.fromkeys(_IN_OUR_WORDS.get(field, field) for field in missing))
    if unknown := [word for word in words if word not in Fields.__slots__]:
        raise CheckError(f"{name} needs {', '.join(unknown)}, which judge.measure can't give it.")
    if missing:
        arguments = ", ".join(f"{word}=…" for word in words)
        raise CheckError(f"{name} needs {', '.join(missing)}: write judge.measure({name}, {arguments}).")


def _listed(passages: str | Sequence[str] | None) -> Any:
    return [passages] if isinstance(passages, str) else list(passages) if isinstance(passages, Sequence) else passages


def _tools(given: Sequence[Any] | None) -> list[ToolCall] | None:
    if isinstance(given, str) or not isinstance(given, Sequence | None):
        raise CheckError(f"judge.measure: tools = {shown(given)} is no list; {_TOOLS}")
    return None if given is None else [*map(_tool, given)]


def _tool(item: Any) -> ToolCall:
    """A tool call from its name, from the form of OpenAI's API, or as it is."""
    if isinstance(item, ToolCall):
        return item
    if isinstance(item, str):
        return ToolCall(name=item)
    function: Any = item.get("function") if isinstance(item, Mapping) else None
    try:
        return ToolCall(name=function["name"], input_parameters=json.loads(function["arguments"] or "{}"))
    except (TypeError, KeyError, ValueError) as error:
        raise CheckError(f"judge.measure: {shown(item)} is no tool call ({error}); {_TOOLS}") from None
