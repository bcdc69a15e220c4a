"""Checks of single settings, each with a message that says what to write instead."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.errors import SettingsError, choices, none_of

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def refuse_unknown(table: Mapping[str, Any], known: Iterable[str], *, where: str) -> None:
    """Refuse a key that is not known, with the nearest known one."""
    names = list(known)
    for key in table:
        if key not in names:
            raise SettingsError(f"{where}: {choices('setting', key, names)}")


def number(
    value: Any, name: str, *, where: str, low: float = -math.inf, high: float = math.inf, below: bool = False
) -> float:
    """A finite number in [low, high] (in [low, high) with `below`)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise SettingsError(f"{where}: {name} = {value!r} is not a number.")
    if not low <= value <= high or (below and value == high):
        raise SettingsError(f"{where}: {name} = {value!r} is outside {_range(low, high, below)}.")
    return float(value)


def _range(low: float, high: float, below: bool) -> str:
    if high == math.inf:
        return f"the range from {low:g} up"
    return f"[{low:g}, {high:g}{')' if below else ']'}"


def integer(value: Any, name: str, *, where: str, low: int = 1, high: int | None = None) -> int:
    """A whole number of at least `low` and, where there is one, at most `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"{where}: {name} = {value!r} is not a whole number.")
    if value < low:
        raise SettingsError(f"{where}: {name} = {value!r} is below {low}.")
    if high is not None and value > high:
        raise SettingsError(f"{where}: {name} = {value!r} is above {high}, the largest possible.")
    return value


def layers(value: Any, name: str, *, where: str) -> int | list[int]:
    """Check a number of layers, at least 1, or a list of different layer numbers, counted from 0."""
    listed = value if isinstance(value, list) else [value]
    if not listed or any(isinstance(item, bool) or not isinstance(item, int) for item in listed):
        raise SettingsError(
            f"{where}: {name} = {value!r} is neither a number of layers nor a list of layer numbers; write 2 for the "
            f"last two, or [14, 15] for those two, counted from 0."
        )
    if not isinstance(value, list):
        return integer(value, name, where=where)
    negative = next((item for item in listed if item < 0), None)
    if negative is not None:
        raise SettingsError(f"{where}: {name} = {value!r} names layer {negative}; layers are counted from 0.")
    twice = next((item for item in listed if listed.count(item) > 1), None)
    if twice is not None:
        raise SettingsError(f"{where}: {name} = {value!r} names layer {twice} twice.")
    return listed


def boolean(value: Any, name: str, *, where: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise SettingsError(f"{where}: {name} = {value!r} is neither true nor false.")
    return value


def text(value: Any, name: str, *, where: str) -> str:
    """A non-empty text."""
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: {name} = {value!r} is not a text; write it in quotes.")
    return value


def names(value: Any, name: str, *, where: str) -> tuple[str, ...]:
    """One name, or a list of different ones."""
    listed = value if isinstance(value, list | tuple) else [value]
    found = tuple(text(item, name, where=where) for item in listed)
    twice = next((item for item in found if found.count(item) > 1), None)
    if not found or twice is not None:
        wrong = "names nobody" if not found else f"names {twice!r} twice"
        raise SettingsError(f'{where}: {name} = {value!r} {wrong}; write one name, or a list such as ["a", "b"].')
    return found


def table(value: Any, name: str, *, where: str) -> Mapping[str, Any]:
    """A table of values that JSON can hold."""
    if not isinstance(value, Mapping):
        raise SettingsError(f'{where}: {name} = {value!r} is no table; write {name} = {{ key = "value" }}.')
    try:
        json.dumps(value)
    except TypeError:
        raise SettingsError(f"{where}: {name} = {value!r} holds a date or a time; write it as a text.") from None
    return value


def tables(value: Any, name: str, *, where: str) -> Mapping[str, Mapping[str, Any]]:
    """A table of tables."""
    for key, inner in table(value, name, where=where).items():
        table(inner, f"{name}.{key}", where=where)
    return value  # type: ignore[no-any-return]


def path(value: Any, name: str, *, where: str) -> str:
    """A text that may be the path of a file or folder."""
    if "\0" in text(value, name, where=where):
        raise SettingsError(f"{where}: {name} = {value!r} holds a NUL character, which no path has; remove it.")
    return str(value)


def function(value: Any, name: str, *, where: str) -> str:
    """A function by "module:name"."""
    module, _, names_within = text(value, name, where=where).partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *names_within.split("."))):
        raise SettingsError(
            f'{where}: {name} = {value!r} names no function; write "module:function", as in "shop.bot:answer".'
        )
    return str(value)


def variable(value: Any, name: str, *, where: str) -> str:
    """The name of an environment variable. What is none is not shown: it may be the secret itself."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text(value, name, where=where)):
        raise SettingsError(
            f"{where}: {name} is not the name of an environment variable; put the key into a variable, such as "
            f'OPENAI_API_KEY, and write {name} = "OPENAI_API_KEY".'
        )
    return str(value)


def stops(value: Any, name: str, *, where: str) -> Any:
    """A text that ends an answer, or a list of them; whitespace is one."""
    texts = value if isinstance(value, list | tuple) else [value]
    if not texts or not all(isinstance(item, str) and item for item in texts):
        raise SettingsError(f'{where}: {name} = {value!r} is neither a text nor a list of texts; write ["\\n\\n"].')
    return value


def web_address(value: Any, name: str, *, where: str) -> str:
    """An http:// or https:// address with a host, without user, password and query, which are not shown either."""
    url = text(value, name, where=where)
    shown = repr(re.sub(r"([?#]).*", r"\1***", re.sub(r"//[^/?#]*@", "//***@", url), flags=re.DOTALL))
    if any(character.isspace() or not character.isprintable() for character in url):
        raise SettingsError(f"{where}: {name} = {shown} holds a space or a control character; remove it.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{where}: {name} = {shown} is not an address: {error}.") from None
    if parts.scheme not in ("http", "https"):
        raise SettingsError(f"{where}: {name} = {shown} is not an http:// or https:// address.")
    if not host or port == 0:
        lacks = "names no host" if not host else "has port 0, which nothing listens on"
        raise SettingsError(f"{where}: {name} = {shown} {lacks}; write one like http://127.0.0.1:8000/v1.")
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            f"{where}: {name} = {shown} holds a user or a password, which would be shown and stored; name the "
            "environment variable that has the key as api_key_env."
        )
    if "?" in url or "#" in url:
        raise SettingsError(
            f"{where}: {name} = {shown} goes on after its path, and each request appends a path of its own; leave out "
            "the ? or # and what follows."
        )
    return url


def one_of(value: Any, name: str, known: Iterable[str], *, where: str) -> str:
    """One of the known words."""
    names = list(known)
    if value not in names:
        raise SettingsError(f"{where}: {none_of(name, str(value), names)}")
    return str(value)


def duration_s(value: Any, name: str, *, where: str) -> float:
    """Seconds of a duration such as "90s", "30m", "12h", "7d" or "2w"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip()) if isinstance(value, str) else None
    seconds = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise SettingsError(f'{where}: {name} = {value!r} is not a duration; write "90s", "30m", "12h", "7d" or "2w".')
    return seconds
