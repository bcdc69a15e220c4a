"""Messages and tool calls in the form of OpenAI's API, as people read them: what is said, which tool, with what."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHORT = 80
_WRITTEN = re.compile(r"tool call: ([\w-]+)\((.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as a model wrote it.

    Attributes:
        name: of the tool.
        arguments: as JSON, or as the model wrote them where they are none; on one line where they are short.
    """

    name: str
    arguments: str

    def __str__(self) -> str:
        """The call in words."""
        return f"tool call: {self.name}({self.arguments})"


def read_calls(calls: Iterable[Any] | None) -> tuple[ToolCall, ...]:
    """The calls of a message or an answer; what is no call is told as it is."""
    return tuple(map(_read, calls or ()))


def with_calls(text: str, calls: Iterable[Any] | None) -> str:
    """A text with the calls that came with it, each in words.

    >>> with_calls("", [{"function": {"name": "look_up", "arguments": '{"city":"Lima"}'}}])
    'tool call: look_up({"city": "Lima"})'
    """
    return "\n\n".join([*([text] if text else []), *map(str, read_calls(calls))])


def words_of(message: Mapping[str, Any]) -> str:
    """Write out what a message says, with the tools that it calls; parts that are no text as JSON."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    shown = [_part(part) for part in parts if part is not None]
    return with_calls("\n\n".join(shown), message.get("tool_calls"))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type") == "text":
        return str(part.get("text", ""))
    return json.dumps(part, ensure_ascii=False, indent=2)


def turns_in_words(messages: Iterable[Mapping[str, Any]]) -> str:
    r"""A conversation as one text: of each turn who speaks, and what is said.

    >>> turns_in_words([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}])
    'user: Hi\n\nassistant: Hello.'
    """
    return "\n\n".join(f"{message.get('role')}: {words_of(message)}" for message in messages)


def new_turns(asked: Sequence[Mapping[str, Any]], returned: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The turns that an application adds to those that it was asked with, whether it returns all of them or its own.

    Where it returns all in other words, with a system message of its own, or the last of them, its own are those after
    what the user said last.

    >>> asked = [{"role": "user", "content": "Hi"}]
    >>> new_turns(asked, [*asked, {"role": "assistant", "content": "Hello."}])
    [{'role': 'assistant', 'content': 'Hello.'}]
    """
    turns = list(itertools.dropwhile(lambda turn: turn.get("role") == "system", returned))
    ours, asked_as = list(map(_likeness, turns)), list(map(_likeness, asked))
    users = [place for place, turn in enumerate(turns) if turn.get("role") == "user"]
    asking = [place for place, turn in enumerate(asked) if turn.get("role") == "user"]
    last = asking[-1] if asking else -1
    begin = next((place for place in reversed(range(len(turns))) if last >= 0 and ours[place] == asked_as[last]), -1)
    if users and asking and users[0] == 0 and ours[0] == asked_as[asking[0]] and len(users) >= len(asking):
        # All turns from the first: the user may have said the last words before, and only then in these words.
        begin = max(begin, users[len(asking) - 1])
    if begin < 0 and users and users[0] == 0:
        begin = users[-1]
    since, n_known = asked_as[last + 1 :], begin + 1
    if since and ours[n_known : n_known + len(since)] == since:
        n_known += len(since)
    return turns[n_known:]


def _likeness(turn: Mapping[str, Any]) -> tuple[Any, str]:
    """By what a turn is known again: who speaks and what is said, however the message is written down."""
    return turn.get("role"), words_of(turn).strip()


def calls_written(text: str) -> tuple[dict[str, Any], ...]:
    """The calls that a text is made of, in the form of OpenAI's API; none where it is anything else.

    >>> calls_written('tool call: look_up({"city": "Lima"})')[0]["function"]["arguments"]
    '{"city": "Lima"}'
    """
    calls = [_WRITTEN.fullmatch(part) for part in text.split("\n\n")]
    if None in calls:
        return ()
    functions = ({"name": call[1], "arguments": call[2]} for call in calls if call is not None)
    return tuple({"type": "function", "function": function} for function in functions)


def _read(call: Any) -> ToolCall:
    function = call.get("function") or call.get("custom") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return ToolCall("(no name)", _pretty(call))
    arguments = function.get("arguments", function.get("input", ""))  # a custom tool takes a text
    if isinstance(arguments, str):
        try:
            parsed = json.loads(arguments)
        except (ValueError, RecursionError):
            return ToolCall(function["name"], arguments)
        arguments = parsed if isinstance(parsed, dict | list) else arguments
    return ToolCall(function["name"], arguments if isinstance(arguments, str) else _pretty(arguments))


def _pretty(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHORT else json.dumps(value, ensure_ascii=False, indent=2, default=str)
