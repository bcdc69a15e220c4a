"""An answer that comes as an event stream, put together as if it had come at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.models.openai.fields import optional_text, position, text
from harness.models.openai.retry import MalformedResponseError, UnusableError

_LINE_END = re.compile(r"\r\n|\r|\n")
_DONE = "[DONE]"
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def is_event_stream(content_type: str, content: bytes | bytearray) -> bool:
    """Tell whether a body is an event stream, by how it begins, or else by what it is called."""
    start = bytes(content[:64]).lstrip()
    is_called_so = content_type == "text/event-stream" and not start.startswith(b"{")
    return is_called_so or start.startswith((b"data:", b"event:", b"id:", b": "))


def read_stream(content: bytes | bytearray) -> dict[str, Any]:
    """The document that a server which does not stream would have sent.

    Raises:
        MalformedResponseError: an event is not what it must be.
        UnusableError: the stream ends before its answer does.
    """
    try:
        return _put_together(content.decode("utf-8"))
    except _MALFORMED as error:
        raise MalformedResponseError(f"the answer is an event stream that can't be read ({error})") from None


def _put_together(stream: str) -> dict[str, Any]:
    document: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    is_complete = False
    for kind, data in _events(stream):
        if kind == "error":
            return {"error": _error(data)}
        if data.strip() == _DONE:
            is_complete = True
            break
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise TypeError(f"an event holds {type(chunk).__name__}, not an object")
        if chunk.get("error") or chunk.get("object") == "error":
            return chunk
        document.update({name: chunk[name] for name in ("model", "usage") if chunk.get(name)})
        for part in _list(chunk.get("choices") or [], "choices"):
            _add(choices.setdefault(position(part.get("index")), {}), part)
    if not is_complete and not (choices and all(choice.get("finish_reason") for choice in choices.values())):
        raise UnusableError("the event stream ends before its answer does")
    document["choices"] = [{"index": index, **choice} for index, choice in choices.items()]
    return document


def _error(data: str) -> Any:
    """Read what an event that is called an error says."""
    try:
        said = json.loads(data)
    except ValueError:
        return data
    return (said.get("error") if isinstance(said, dict) else None) or said or "an error without a word"


def _events(stream: str) -> Iterator[tuple[str, str]]:
    """Name and data of each event (WHATWG HTML, 9.2.6), the last one also where no empty line ends it."""
    data: list[str] = []
    name = ""
    for line in [*_LINE_END.split(stream.removeprefix("\ufeff")), ""]:
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.strip()
        elif not line:
            if data:
                yield name, "\n".join(data)
            data, name = [], ""


def _add(choice: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add what one chunk says of a choice, of a chat or of a completion."""
    for name in ("finish_reason", "error"):
        if part.get(name):
            choice[name] = part[name]
    if part.get("text") is not None:
        choice["text"] = choice.get("text", "") + text(part["text"], "text")
    if part.get("logprobs") is not None:
        lists = choice.setdefault("logprobs", {})
        for name, entries in part["logprobs"].items():
            if entries is not None:
                lists.setdefault(name, []).extend(_list(entries, name))
    delta = part["message"] if part.get("message") else part.get("delta")
    if delta is not None:
        _add_delta(choice.setdefault("message", {}), delta)


def _add_delta(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        said = delta.get(name)
        if isinstance(said, list):
            said = "".join(optional_text(each.get("text"), "a part of the content") or "" for each in said)
        if said is not None:
            message[name] = message.get(name, "") + text(said, name)
    for number, call in enumerate(_list(delta.get("tool_calls") or [], "tool_calls")):
        _add_call(message.setdefault("tool_calls", []), call, number)


def _add_call(calls: list[dict[str, Any]], call: Mapping[str, Any], number: int) -> None:
    """Add a piece of a tool call: the first has its name, all of them pieces of its arguments."""
    place = call.get("index")
    place = number if place is None else position(place)
    if not 0 <= place <= len(calls):
        raise ValueError(f"tool call {place} comes before tool call {len(calls)}")
    if place == len(calls):
        calls.append({"type": "function"})
    kept = calls[place]
    kept.update({name: call[name] for name in ("id", "type") if call.get(name)})
    for name in ("name", "arguments"):
        said = (call.get("function") or {}).get(name)
        if said is not None:
            function = kept.setdefault("function", {})
            function[name] = function.get(name, "") + text(said, f"the {name} of a tool call")


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} is {type(value).__name__}, not a list")
    return value
