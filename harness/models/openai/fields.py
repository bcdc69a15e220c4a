"""Fields of an answer in the form of OpenAI's API, each of the type it must have: servers write what they like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MOST_TOKENS = 2**53


def count(value: Any) -> int | None:
    """A number of tokens; None for anything that is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
    return value if is_count else None


def position(value: Any) -> int:
    """The index of a choice; 0 where the server gives none."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"index is {_kind(value)}, not a whole number")
    return value or 0


def text(value: Any, name: str) -> str:
    """A text. Raises TypeError: it is something else."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {_kind(value)}, not a text")
    return value


def optional_text(value: Any, name: str) -> str | None:
    """A text, or None where the server gives none. Raises TypeError: it is something else."""
    return None if value is None else text(value, name)


def logarithm(value: Any) -> float:
    """A log probability; minus infinity is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a log probability is {_kind(value)}, not a number")
    if math.isnan(value) or value == math.inf:
        raise ValueError(f"a log probability is {value}")
    return float(value)


def tool_calls(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The tool calls of a message, as the server wrote them; each names a function."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(call, Mapping) for call in value):
        raise TypeError("tool_calls is not a list of objects")
    for call in value:
        named = call.get("function", call.get("custom"))
        if not isinstance(named, Mapping):
            raise TypeError("a tool call has no function")
        text(named.get("name"), "the name of a tool call's function")
    return tuple(value)


def is_same_model(asked: str, answered: str) -> bool:
    """Tell whether two names mean one model, as far as names tell: a provider or folder in front does not count."""
    ends = [name.strip().rstrip("/").rpartition("/")[2].lower() for name in (asked, answered)]
    return ends[0] == ends[1]


def _kind(value: Any) -> str:
    return "missing" if value is None else type(value).__name__
