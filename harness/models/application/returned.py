"""Reads what an application returned: a text, a dict, or a message of OpenAI's form.

It needs the standard library alone: it runs beside the application.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.records.tool_calls import new_turns

Answer = dict[str, Any]

FIELDS = ("text", "messages", "tool_calls", "context", "usage", "cost", "metadata", "reasoning", "finish_reason")
"""Fields that a returned dict may hold."""
_WAY_OUT = 'return the text, or a dict such as {"text": …, "context": […]}'
_USAGE = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
"""Tokens read and written, by both names that OpenAI's APIs give them."""


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
        return _checked(_fields(value), asked)
    except (TypeError, ValueError) as error:
        raise UnreadableAnswerError(f"returned {_shown(value)}: {error}") from None
    except Exception as error:  # noqa: BLE001  an object of the application's, whose methods may do anything
        raise UnreadableAnswerError(f"returned {_shown(value)}: {type(error).__name__}: {error}") from None


def _fields(value: Any) -> Answer:
    if not isinstance(value, Mapping):
        value = _plain(value)
    if not isinstance(value, Mapping):
        raise TypeError(f"its text can't be told; {_WAY_OUT}")
    if "choices" in value:
        raise TypeError("it is a completion; return its message, choices[0].message")
    if "role" in value and "content" in value:
        return {"text": _text_of(value["content"]), "tool_calls": value.get("tool_calls")}
    for name in value:
        if name not in FIELDS:
            near = difflib.get_close_matches(str(name), FIELDS, 1)
            raise ValueError(
                f"{name!r} is no field of an answer ({', '.join(FIELDS[:7])})"
                f"{f'; the nearest is {near[0]!r}' if near else '; put what else there is into metadata'}"
            )
    return dict(value)


def _checked(fields: Answer, asked: Sequence[Mapping[str, Any]]) -> Answer:
    """The fields as plain data, each of the kind that it must be."""
    fields = {name: value for name, value in fields.items() if value is not None}
    answer: Answer = {}
    if "messages" in fields:
        answer["messages"] = turns = [_message(each) for each in fields["messages"]]
        calls = [call for turn in new_turns(asked, turns) for call in turn.get("tool_calls") or ()]
        fields = {"tool_calls": calls, "text": _last_text(turns), **fields}
    calls = [_call(call) for call in fields.get("tool_calls") or ()]
    answer["text"] = _text(fields.get("text") or ("" if calls else fields.get("text")))
    if calls:
        answer["tool_calls"] = calls
    if "context" in fields:
        answer["context"] = _passages(fields["context"])
    if "usage" in fields:
        answer["usage"] = _usage(_plain(fields["usage"]))
    if "cost" in fields:
        answer["cost"] = _cost(fields["cost"])
    if "metadata" in fields:
        answer["metadata"] = _plain(fields["metadata"])
        if not isinstance(answer["metadata"], dict):
            raise TypeError(f"metadata is {_shown(fields['metadata'])}, not a table")
    for name in ("reasoning", "finish_reason"):
        if name in fields:
            answer[name] = _text(fields[name], name)
    return answer


def _message(value: Any) -> Answer:
    message = _plain(value)
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise TypeError(f"the message {_shown(value)} has no role; give role and content")
    return message


def _last_text(turns: Iterable[Answer]) -> str | None:
    said = [turn.get("content") for turn in turns if turn["role"] == "assistant"]
    return _text_of(said[-1]) if said else None


def _text_of(content: Any) -> str:
    """The text of a message's content: itself, or that of its parts; "" where it has none."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, Mapping))


def _call(value: Any) -> Answer:
    """A call of a tool in OpenAI's form, from that form or from its name and arguments."""
    call = _plain(value)
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise TypeError(f"the call of a tool {_shown(value)} has no name; give name and arguments")
    arguments = function.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    known = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**known, "type": "function", "function": {"name": function["name"], "arguments": text}}


def _passages(passages: Any) -> list[Answer]:
    """Passages, each with `id` and `text`, from tables or texts."""
    if isinstance(passages, str | Mapping):
        raise TypeError(f"context is {_shown(passages)}; give a list of passages, each with id and text")
    return [_passage(passage, place) for place, passage in enumerate(passages, 1)]


def _passage(value: Any, place: int) -> Answer:
    passage = {"text": value} if isinstance(value, str) else _plain(value)
    if not isinstance(passage, dict) or not isinstance(passage.get("text"), str):
        raise TypeError(f"the passage {_shown(value)} has no text; give id and text")
    return {**passage, "id": str(passage.get("id", place))}


def _text(value: Any, name: str = "text") -> str:
    if value is None:
        raise TypeError(f"it has no text; {_WAY_OUT}")
    if not isinstance(value, str):
        raise TypeError(f"{name} is {_shown(value)}, not a text{f'; {_WAY_OUT}' if name == 'text' else ''}")
    return str(value)


def _usage(usage: Any) -> dict[str, int]:
    counted = {}
    for name, other in _USAGE.items():
        count = usage.get(name, usage.get(other)) if isinstance(usage, dict) else usage
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"usage: {name} is {_shown(count)}, not a number of tokens")
        counted[name] = count
    return counted


def _cost(value: Any) -> float:
    try:
        cost = float(value)
    except (TypeError, ValueError):
        cost = math.nan
    if isinstance(value, bool | str) or not (math.isfinite(cost) and cost >= 0):
        raise ValueError(f"cost is {_shown(value)}, not an amount of money")
    return cost


def _plain(value: Any) -> Any:
    """The value as JSON holds it: what is no text, number, list or table of them by its own data, else as a text."""
    return json.loads(json.dumps(value, default=_data_of), parse_constant=str)


def _data_of(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    for name, given in (("model_dump", {"exclude_none": True}), ("tolist", {})):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            return method(**given)
    return str(value)


def _shown(value: Any) -> str:
    """A value as an error shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
