"""Messages, tool calls and passages of other libraries in the form of OpenAI's API, told by their shape.

It needs the standard library alone and imports none of these libraries: it runs beside the application.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Turn = dict[str, Any]

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "function": "tool", "model": "assistant"}
_PASSAGE_NAMES = ("id", "doc_id", "source", "file_name", "file_path")
_KNOWN_PARTS = ("text", "output_text", "input_text", "refusal")


def plain(value: Any) -> Any:
    """The value as JSON holds it: what is no text, number, list or table of them as its own data, else as a text.

    Numbers that JSON has not, NaN and infinite ones, are texts as well.
    """
    return json.loads(json.dumps(value, default=_plain), parse_constant=str)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    for name in ("model_dump", "tolist", "dict", "isoformat"):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            return method()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is not None and not isinstance(value, type):
        return {name: getattr(value, name) for name in fields}
    return str(value)


def part_of(value: Any, name: str, default: Any = None) -> Any:
    """A part of a table or of an object, by its name."""
    return value.get(name, default) if isinstance(value, Mapping) else getattr(value, name, default)


def text_of(content: Any) -> str:
    """The text of a message's content: itself, or that of its parts; "" where it has none."""
    if isinstance(content, str):
        return str(content)
    if not isinstance(content, Sequence):
        return ""
    parts = []
    for part in content:
        if isinstance(part, str):
            parts.append(str(part))
        elif part_of(part, "type", "text") in _KNOWN_PARTS:
            parts.append(str(part_of(part, "text") or part_of(part, "refusal") or ""))
    return "".join(parts)


def tool_calls_of(calls: Iterable[Any] | None) -> list[Turn]:
    """Calls of tools, each by its name and its arguments as JSON, whoever wrote them down."""
    return [_call(call) for call in calls or ()]


def _call(call: Any) -> Turn:
    function = part_of(call, "function")
    named = call if function is None else function
    name = next((part_of(named, key) for key in ("name", "tool_name") if part_of(named, key)), None)
    if not isinstance(name, str):
        raise TypeError(f"the call of a tool {shown(call)} has no name; give name and arguments")
    given = (part_of(named, key) for key in ("arguments", "args", "kwargs", "tool_kwargs", "input"))
    arguments: Any = next((value for value in given if value is not None), {})
    text = arguments if isinstance(arguments, str) else json.dumps(plain(arguments), ensure_ascii=False)
    ids = (part_of(call, key) for key in ("call_id", "tool_call_id", "tool_id", "id"))
    known = next((value for value in ids if isinstance(value, str)), None)
    return {
        **({} if known is None else {"id": known}),
        "type": "function",
        "function": {"name": name, "arguments": text},
    }


def message_of(message: Any) -> Turn:
    """One message of OpenAI's, LangChain's or LlamaIndex's form."""
    role = part_of(message, "role")
    role = getattr(role, "value", role) or part_of(message, "type")
    if role is None:
        raise TypeError(f"the message {shown(message)} has no role; give role and content")
    role = _ROLES.get(str(role), str(role))
    if isinstance(message, Mapping) and message.get("role") == role:
        return dict(plain(message))
    content = part_of(message, "content")
    turn: Turn = {"role": role, "content": content if isinstance(content, str) else text_of(content)}
    extra = part_of(message, "additional_kwargs") or {}
    calls = part_of(message, "tool_calls") or part_of(extra, "tool_calls")
    if calls:
        turn["tool_calls"] = tool_calls_of(calls)
    of_call = part_of(message, "tool_call_id") or part_of(extra, "tool_call_id")
    return turn if of_call is None else {**turn, "tool_call_id": str(of_call)}


def messages_of_parts(messages: Iterable[Any]) -> list[Turn]:
    """The messages of pydantic-ai, whose requests and responses consist of parts."""
    turns: list[Turn] = []
    for message in messages:
        texts, calls = [], []
        for part in message.parts:
            kind, content = part.part_kind, getattr(part, "content", "")
            if kind in ("system-prompt", "user-prompt"):
                turns.append({"role": kind.partition("-")[0], "content": _prompt(content)})
            elif kind in ("tool-return", "retry-prompt"):
                said = content if isinstance(content, str) else json.dumps(plain(content), ensure_ascii=False)
                turns.append({"role": "tool", "content": said, "tool_call_id": str(part.tool_call_id)})
            elif kind == "text":
                texts.append(str(content))
            elif kind == "tool-call":
                calls.append(part)
        if texts or calls:
            told = {"role": "assistant", "content": "".join(texts)}
            turns.append({**told, "tool_calls": tool_calls_of(calls)} if calls else told)
    return turns


def _prompt(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part for part in content if isinstance(part, str))


def messages_of_items(items: Iterable[Any]) -> list[Turn]:
    """The items of OpenAI's Responses API, which openai-agents keep too, as messages."""
    turns: list[Turn] = []
    for item in items:
        kind = part_of(item, "type", "message")
        if kind == "message":
            turns.append({"role": str(part_of(item, "role")), "content": text_of(part_of(item, "content"))})
        elif kind == "function_call":
            turns.append({"role": "assistant", "content": "", "tool_calls": tool_calls_of([item])})
        elif kind == "function_call_output":
            output = part_of(item, "output")
            said = output if isinstance(output, str) else text_of(output)
            turns.append({"role": "tool", "content": said, "tool_call_id": str(part_of(item, "call_id"))})
    return turns


def passages_of(passages: Iterable[Any]) -> list[Turn]:
    """Passages, each with `id` and `text`: tables, texts, LangChain's documents, LlamaIndex's nodes."""
    if isinstance(passages, str | Mapping):
        raise TypeError(f"context is {shown(passages)}; give a list of passages, each with id and text")
    return [_passage(passage, place) for place, passage in enumerate(passages, 1)]


def _passage(passage: Any, place: int) -> Turn:
    if isinstance(passage, str):
        return {"id": str(place), "text": passage}
    node = part_of(passage, "node", passage)
    text = next(
        (found for name in ("text", "page_content", "content") if isinstance(found := part_of(node, name), str)), None
    )
    if text is None:
        raise TypeError(f"the passage {shown(passage)} has no text; give id and text")
    metadata = part_of(node, "metadata") or {}
    names = (part_of(node, "id"), part_of(node, "node_id"), *(part_of(metadata, name) for name in _PASSAGE_NAMES))
    found = next((value for value in names if isinstance(value, str | int) and value != ""), place)
    if isinstance(passage, Mapping):
        rest = {name: value for name, value in passage.items() if name not in ("text", "page_content", "content")}
    else:
        score = part_of(passage, "score")
        rest = {**metadata, **({} if score is None else {"score": score})}
    return {**plain(rest), "id": str(found), "text": str(text)}


def shown(value: Any) -> str:
    """A value as a message shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
