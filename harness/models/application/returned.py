"""Reads what an application returned: a text, a table, or an object of a library, told by its shape.

It needs the standard library alone: it runs beside the application.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.models.application.messages import (
    message_of,
    messages_of_items,
    messages_of_parts,
    part_of,
    passages_of,
    plain,
    shown,
    text_of,
    tool_calls_of,
)
from harness.records.tool_calls import new_turns

Answer = dict[str, Any]

FIELDS = ("text", "messages", "tool_calls", "context", "usage", "cost", "metadata", "reasoning", "finish_reason")
"""Fields that a returned table may hold."""
_BESIDE = ("id", "input", "question", "query", "answer", "output", "intermediate_steps")
"""Names that tables of libraries have beside these."""
_WAY_OUT = 'return the text, or a dict such as {"text": …, "context": […]}'


class UnreadableAnswerError(Exception):
    """A returned value is no answer; the text goes behind the name of the call."""


def read_answer(value: Any, asked: Sequence[Mapping[str, Any]] = ()) -> Answer:
    """Read what an application returned into plain data: `text`, and of the other fields those that it told.

    Args:
        asked: the messages that it was asked with, as far as they are known.

    Raises:
        UnreadableAnswerError: it is no answer; with what to return.
    """
    if isinstance(value, str):
        return {"text": str(value)}
    if value is None:
        raise UnreadableAnswerError(f'returned None; {_WAY_OUT}. An answer that is empty is ""')
    try:
        fields = _fields(value)
        return _checked(fields, asked)
    except (TypeError, ValueError) as error:
        raise UnreadableAnswerError(f"returned {shown(value)}: {error}") from None
    except Exception as error:  # noqa: BLE001  an object of the application's, whose attributes may do anything
        raise UnreadableAnswerError(f"returned {shown(value)}: {type(error).__name__}: {error}") from None


def _fields(value: Any) -> Answer:
    """The fields of an answer that a value has, by its shape."""
    if part_of(value, "choices"):
        return _completion(value)
    if part_of(value, "object") == "response" and part_of(value, "output") is not None:
        return _response(value)
    if isinstance(value, Mapping):
        return _table(value)
    if hasattr(value, "final_output") and hasattr(value, "new_items"):
        return _agents_run(value)
    if hasattr(value, "output") and callable(getattr(value, "all_messages", None)):
        return _pydantic_run(value)
    if hasattr(value, "source_nodes") and hasattr(value, "response"):
        return _with(text=value.response or "", context=value.source_nodes, metadata=value.metadata)
    told = next((each for name in ("message", "response") if (each := getattr(value, name, None)) is not None), value)
    if hasattr(told, "content") and (hasattr(told, "role") or hasattr(told, "type")):
        return _message(told, value)
    if isinstance(getattr(value, "text", None), str):
        return _with(**{name: getattr(value, name, None) for name in FIELDS})
    raise TypeError(f"its text can't be told; {_WAY_OUT}")


def _with(**fields: Any) -> Answer:
    """The fields that have a value; passages may be none, which tells something."""
    return {name: value for name, value in fields.items() if value is not None and (name == "context" or value != [])}


def _table(value: Mapping[str, Any]) -> Answer:
    """A dict of the application's own, or one of a chain or graph of LangChain's."""
    foreign = "text" not in value and any(isinstance(value.get(name), str) for name in ("answer", "output"))
    known = (*FIELDS, *_BESIDE) if foreign else (*FIELDS, "id", "structured_response", "remaining_steps")
    for name in value:
        if name not in known:
            near = difflib.get_close_matches(str(name), FIELDS, 1)
            raise ValueError(
                f"{name!r} is no field of an answer ({', '.join(FIELDS[:7])})"
                f"{f'; the nearest is {near[0]!r}' if near else '; put what else there is into metadata'}"
            )
    fields = _with(**{name: value.get(name) for name in FIELDS})
    if foreign:
        fields["text"] = next(value[name] for name in ("answer", "output") if isinstance(value.get(name), str))
    return fields


def _completion(value: Any) -> Answer:
    """OpenAI's chat completion."""
    choice = part_of(value, "choices")[0]
    message = part_of(choice, "message")
    content = part_of(message, "content")
    return _with(
        text=text_of(content) or part_of(message, "refusal") or "",
        tool_calls=part_of(message, "tool_calls"),
        reasoning=part_of(message, "reasoning_content") or part_of(message, "reasoning"),
        finish_reason=part_of(choice, "finish_reason"),
        usage=part_of(value, "usage"),
    )


def _response(value: Any) -> Answer:
    """A response of OpenAI's Responses API."""
    items = list(part_of(value, "output"))
    turns = messages_of_items(items)
    thoughts = [text_of(_summary(item)) for item in items if part_of(item, "type") == "reasoning"]
    is_cut = part_of(part_of(value, "incomplete_details"), "reason") == "max_output_tokens"
    return _with(
        text="".join(turn["content"] for turn in turns if turn["role"] == "assistant"),
        tool_calls=[call for turn in turns for call in turn.get("tool_calls", ())],
        reasoning="\n".join(filter(None, thoughts)) or None,
        finish_reason="length" if is_cut else None,
        usage=part_of(value, "usage"),
    )


def _summary(item: Any) -> list[Any]:
    return [part_of(part, "text", "") for part in part_of(item, "summary") or ()]


def _agents_run(value: Any) -> Answer:
    """The result of a run of openai-agents."""
    return _with(
        text=_said(value.final_output),
        messages=messages_of_items(value.to_input_list()),
        usage=part_of(part_of(value, "context_wrapper"), "usage"),
    )


def _pydantic_run(value: Any) -> Answer:
    """The result of a run of pydantic-ai."""
    usage = value.usage
    return _with(
        text=_said(value.output),
        messages=messages_of_parts(value.all_messages()),
        usage=usage() if callable(usage) else usage,
    )


def _said(output: Any) -> str:
    """An output as a text: data as JSON.

    Raises:
        TypeError: there is none, as where an agent waits for an approval.
    """
    if output is None:
        raise TypeError(f"it has no final output; {_WAY_OUT}")
    return output if isinstance(output, str) else json.dumps(plain(output), ensure_ascii=False)


def _message(message: Any, whole: Any) -> Answer:
    """A message of LangChain's or LlamaIndex's form, alone or in a response of LlamaIndex's."""
    turn = message_of(message)
    told = part_of(message, "response_metadata") or {}
    raw = part_of(whole, "raw") or {}
    calls = turn.get("tool_calls") or part_of(whole, "tool_calls")
    return _with(
        text=text_of(turn["content"]),
        tool_calls=calls,
        finish_reason=part_of(told, "finish_reason"),
        usage=part_of(message, "usage_metadata") or part_of(raw, "usage"),
    )


def _checked(fields: Answer, asked: Sequence[Mapping[str, Any]]) -> Answer:
    """The fields as plain data, each of the kind that it must be."""
    answer: Answer = {}
    if "messages" in fields:
        told = list(fields["messages"])
        turns = [message_of(message) for message in told]
        answer["messages"] = turns
        new = new_turns(asked, turns)
        calls = [call for turn in new for call in turn.get("tool_calls") or ()]
        own = told[len(told) - len(new) :]
        counted = [_usage(usage) for each in own if (usage := part_of(each, "usage_metadata"))]
        usage = {name: sum(each.get(name, 0) for each in counted) for name in counted[0]} if counted else None
        fields = {**_with(tool_calls=calls, usage=usage), "text": _last_text(turns), **fields}
    answer["text"] = _text(fields.get("text", "" if fields.get("tool_calls") else None))
    if "tool_calls" in fields:
        answer["tool_calls"] = tool_calls_of(fields["tool_calls"])
    if "context" in fields:
        answer["context"] = passages_of(fields["context"])
    if "usage" in fields:
        answer["usage"] = _usage(fields["usage"])
    if "cost" in fields:
        answer["cost"] = _cost(fields["cost"])
    if "metadata" in fields:
        answer["metadata"] = plain(fields["metadata"])
        if not isinstance(answer["metadata"], dict):
            raise TypeError(f"metadata is {shown(fields['metadata'])}, not a table")
    for name in ("reasoning", "finish_reason"):
        if name in fields:
            answer[name] = _text(fields[name], name)
    return answer


def _last_text(turns: list[Answer]) -> str | None:
    said = [turn["content"] for turn in turns if turn["role"] == "assistant"]
    return text_of(said[-1]) if said else None


def _text(value: Any, name: str = "text") -> str:
    if value is None:
        raise TypeError(f"it has no text; {_WAY_OUT}")
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}, not a text{f'; {_WAY_OUT}' if name == 'text' else ''}")
    return str(value)


def _usage(usage: Any) -> dict[str, int]:
    """Tokens read and written, by the names that libraries give them; none where they say nothing."""
    names = {
        "prompt_tokens": ("prompt_tokens", "input_tokens", "request_tokens"),
        "completion_tokens": ("completion_tokens", "output_tokens", "response_tokens"),
    }
    counted = {}
    for name, others in names.items():
        count = next((found for other in others if (found := part_of(usage, other)) is not None), None)
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"usage: {name} is {shown(count)}, not a number of tokens")
        counted[name] = count
    return counted


def _cost(value: Any) -> float:
    try:
        cost = float(value)
    except (TypeError, ValueError):
        cost = math.nan
    if isinstance(value, bool | str) or not (math.isfinite(cost) and cost >= 0):
        raise ValueError(f"cost is {shown(value)}, not an amount of money")
    return cost
