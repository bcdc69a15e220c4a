"""Reads tables of settings, rows of files and single values into types, and says what is wrong with one of them.

A table is a frozen dataclass that is a `Table`; its fields have the types of this module, or plain ones, which are
taken strictly. pydantic reads it, and is imported when something is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from harness.config.files import json_lines
from harness.errors import SettingsError, UsageError, choices, none_of, shortened

Read = TypeVar("Read")
_STRICT: Mapping[str, Any] = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
_SHOWN = 400
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class WrongValueError(ValueError):
    """Raised by the check of one value; the message goes on after `NAME = VALUE`.

    Args:
        shown: what is shown in place of the value; "" for nothing of it.
    """

    def __init__(self, message: str, shown: str | None = None) -> None:
        super().__init__(message)
        self.shown = shown


class WrongTableError(WrongValueError):
    """Raised by a table's `__post_init__` for values that do not go together; the message goes on after the place."""


class Table:
    """Base of what `read` reads: frozen dataclasses that take no key beside their fields, and no value of another type.

    What a field needs to be is said by `field(metadata={"is": "the address of a server"})` where one may leave it out.
    """

    __slots__ = ()
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    word: ClassVar[str] = "setting"
    """A key as messages call it."""
    hint: ClassVar[str] = ""
    """What is said after the keys that a table lacks."""

    @classmethod
    def needed(cls: Any, table: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG003 - others look at the table
        """The keys that a table must have: the fields without a default."""
        return [each.name for each in fields(cls) if each.default is MISSING and each.default_factory is MISSING]

    @classmethod
    def _check_keys(cls: Any, table: Any) -> Any:
        if isinstance(table, cls):
            return table
        if not isinstance(table, Mapping):
            raise WrongValueError('is no table; write { key = "value" }.')
        known = {each.name: each.metadata.get("is", "") for each in fields(cls)}
        for key in table:
            if key not in known:
                raise WrongTableError(f": {choices(cls.word, key, known)}")
        if lacking := [name for name in cls.needed(table) if name not in table]:
            said = [f"{name}: {known[name]}" if known[name] else name for name in lacking]
            between = "; and " if any(known[name] for name in lacking) else " and "
            raise WrongTableError(f" needs {between.join(said)}{cls.hint}.")
        return dict(table)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        schema = handler(source)
        schema["strict"] = False  # a table is written as a table, and its values are strict
        return core_schema.no_info_before_validator_function(cls._check_keys, schema)


def read(model: type[Read], table: Any, *, where: str, error: type[UsageError] = SettingsError) -> Read:
    """Read a table into its type.

    Args:
        where: the file and the table, which begin the message.

    Raises:
        UsageError: `error`, with the table, the key, its value and what to write instead.
    """
    found: Read = check(model, table, "", where=where, error=error)
    return found


def check(kind: Any, value: Any, name: str, *, where: str, error: type[UsageError] = SettingsError) -> Any:
    """Read one value into a type of this module, or into another annotation. Raises as `read` does."""
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as refused:
        raise error(_told(refused.errors(include_url=False)[0], where, name)) from None


def read_jsonl(
    path: Path, row: type[Read], error: type[UsageError] = SettingsError, hint: str = ""
) -> Iterator[tuple[str, Read]]:
    """The rows of a file of JSON lines, each after its place: the file and the line. Raises as `read` does.

    Args:
        error, hint: as `read_text` has them.
    """
    for place, entry in json_lines(path, error, hint):
        yield place, read(row, entry, where=place, error=error)


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    is_table = isinstance(kind, type) and hasattr(kind, "__pydantic_config__")
    return TypeAdapter(kind, config=None if is_table else ConfigDict(**_STRICT))  # type: ignore[typeddict-item]


_WRONG = {
    "int_type": "is not a whole number.",
    "int_from_float": "is not a whole number.",
    "float_type": "is not a number.",
    "finite_number": "is not a number.",
    "bool_type": "is neither true nor false.",
    "string_type": "is not a text; write it in quotes.",
    "dict_type": 'is no table; write { key = "value" }.',
    "mapping_type": 'is no table; write { key = "value" }.',
    "list_type": "is no list; write it in brackets.",
    "tuple_type": "is no list; write it in brackets.",
}


def _told(wrong: Mapping[str, Any], where: str, name: str) -> str:
    """One error of pydantic's, told with the table, the key, the value and the remedy."""
    path = [name] if name else []
    for step in wrong["loc"]:
        if isinstance(step, int) and path:
            path[-1] += f"[{step}]"
        else:
            path.append(str(step))
    refused = wrong.get("ctx", {}).get("error")
    if isinstance(refused, WrongTableError):
        return ", ".join([where, *path]) + str(refused)
    place, value = ", ".join([where, *path[:-1]]), wrong["input"]
    begun = f"{place}: {path[-1]}" if path else place
    if wrong["type"] == "literal_error":
        known = [text.replace("\\'", "'") for text in re.findall(r"'((?:[^'\\]|\\.)*)'", wrong["ctx"]["expected"])]
        return f"{place}: {none_of(path[-1], str(value), known)}"
    if refused is None:
        refused = WrongValueError(_WRONG.get(wrong["type"], f"can't be: {wrong['msg']}."))
    shown = getattr(refused, "shown", None)
    shown = shortened(value, _SHOWN) if shown is None else shown
    return f"{begun} = {shown} {refused}" if shown else f"{begun} {refused}"


@dataclass(frozen=True, slots=True)
class Checked:
    """Of an annotated type: a function that is given a value of the type, and gives the one that is taken.

    It raises `WrongValueError`. With `is_all` it is given whatever was written.
    """

    function: Callable[[Any], Any]
    is_all: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        if self.is_all:
            return core_schema.no_info_plain_validator_function(self.function)
        return core_schema.no_info_after_validator_function(self.function, handler(source))


@dataclass(frozen=True, slots=True)
class Between:
    """Of an annotated number: the range that it lies in, without its upper end with `below`."""

    low: float = -math.inf
    high: float = math.inf
    below: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return Checked(self._checked).__get_pydantic_core_schema__(source, handler)

    def _checked(self, value: float) -> float:
        if isinstance(value, int) and not self.low <= value <= self.high:
            is_low = value < self.low
            raise WrongValueError(f"is below {self.low}." if is_low else f"is above {self.high}, the largest possible.")
        if not self.low <= value <= self.high or (self.below and value == self.high):
            end = ")" if self.below else "]"
            is_open = self.high == math.inf
            raise WrongValueError(
                f"is outside {f'the range from {self.low:g} up' if is_open else f'[{self.low:g}, {self.high:g}{end}'}."
            )
        return value


@dataclass(frozen=True, slots=True)
class OneOf:
    """Of an annotated text: the words that it may be."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.literal_schema(list(self.words))


def _positive(value: float) -> float:
    if value <= 0:
        raise WrongValueError("is not above 0.")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WrongValueError(_WRONG["string_type"], repr(value))
    return value


def _path(value: Any) -> str:
    if "\0" in _text(value):
        raise WrongValueError("holds a NUL character, which no path has; remove it.")
    return str(value)


def _names(value: Any) -> tuple[str, ...]:
    found = tuple(_text(item) for item in (value if isinstance(value, list | tuple) else [value]))
    twice = next((item for item in found if found.count(item) > 1), None)
    if not found or twice is not None:
        wrong = "names nobody" if not found else f"names {twice!r} twice"
        raise WrongValueError(f'{wrong}; write one name, or a list such as ["a", "b"].')
    return found


def _layers(value: Any) -> int | list[int]:
    listed = value if isinstance(value, list) else [value]
    if not listed or any(isinstance(item, bool) or not isinstance(item, int) for item in listed):
        raise WrongValueError(
            "is neither a number of layers nor a list of layer numbers; write 2 for the last two, or [14, 15] for "
            "those two, counted from 0."
        )
    if not isinstance(value, list):
        if value < 1:
            raise WrongValueError("is below 1.")
        return int(value)
    negative = next((item for item in listed if item < 0), None)
    if negative is not None:
        raise WrongValueError(f"names layer {negative}; layers are counted from 0.")
    twice = next((item for item in listed if listed.count(item) > 1), None)
    if twice is not None:
        raise WrongValueError(f"names layer {twice} twice.")
    return listed


def _json(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise WrongValueError(_WRONG["dict_type"])
    try:
        json.dumps(value)
    except TypeError:
        raise WrongValueError("holds a date or a time; write it as a text.") from None
    return value


def _function(value: Any) -> str:
    module, _, names_within = _text(value).partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *names_within.split("."))):
        raise WrongValueError('names no function; write "module:function", as in "shop.bot:answer".')
    return str(value)


def _variable(value: Any) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", _text(value)):
        raise WrongValueError(
            "is not the name of an environment variable; put the key into a variable, such as OPENAI_API_KEY, and "
            "write that name.",
            shown="",
        )
    return str(value)


def _stops(value: Any) -> Any:
    texts = value if isinstance(value, list | tuple) else [value]
    if not texts or not all(isinstance(item, str) and item for item in texts):
        raise WrongValueError('is neither a text nor a list of texts; write ["\\n\\n"].')
    return value


def _duration_s(value: Any) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip()) if isinstance(value, str) else None
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise WrongValueError('is not a duration; write "90s", "30m", "12h", "7d" or "2w".')
    return seconds


def _web_address(value: Any) -> str:
    url = _text(value)
    shown = repr(re.sub(r"([?#]).*", r"\1***", re.sub(r"//[^/?#]*@", "//***@", url), flags=re.DOTALL))
    if any(character.isspace() or not character.isprintable() for character in url):
        raise WrongValueError("holds a space or a control character; remove it.", shown)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WrongValueError(f"is not an address: {error}.", shown) from None
    if parts.scheme not in ("http", "https"):
        raise WrongValueError("is not an http:// or https:// address.", shown)
    if not host or port == 0:
        lacks = "names no host" if not host else "has port 0, which nothing listens on"
        raise WrongValueError(f"{lacks}; write one like http://127.0.0.1:8000/v1.", shown)
    if parts.username is not None or parts.password is not None:
        raise WrongValueError(
            "holds a user or a password, which would be shown and stored; name the environment variable that has the "
            "key as api_key_env.",
            shown,
        )
    if "?" in url or "#" in url:
        raise WrongValueError(
            "goes on after its path, and each request appends a path of its own; leave out the ? or # and what "
            "follows.",
            shown,
        )
    return url


Number = Annotated[float, Between()]
NotNegative = Annotated[float, Between(0)]
Positive = Annotated[float, Checked(_positive)]
Share = Annotated[float, Between(0, 1)]
Count = Annotated[int, Between(1)]
Natural = Annotated[int, Between(0)]
Text = Annotated[str, Checked(_text, is_all=True)]
"""A text that is not empty."""
PathText = Annotated[str, Checked(_path, is_all=True)]
"""A text that may be the path of a file or folder."""
Names = Annotated[tuple[str, ...], Checked(_names, is_all=True)]
"""One name, or a list of different ones."""
Layers = Annotated[int | list[int], Checked(_layers, is_all=True)]
"""A number of layers, at least 1, or a list of different layer numbers, counted from 0."""
JsonTable = Annotated[Mapping[str, Any], Checked(_json, is_all=True)]
"""A table of values that JSON can hold."""
FunctionName = Annotated[str, Checked(_function, is_all=True)]
"""A function by "module:name"."""
VariableName = Annotated[str, Checked(_variable, is_all=True)]
"""The name of an environment variable. What is none is not shown: it may be the secret itself."""
Stops = Annotated[str | Sequence[str], Checked(_stops, is_all=True)]
"""A text that ends an answer, or a list of them; whitespace is one."""
Duration = Annotated[float, Checked(_duration_s, is_all=True)]
"""Seconds of a duration such as "90s", "30m", "12h", "7d" or "2w"."""
WebAddress = Annotated[str, Checked(_web_address, is_all=True)]
"""An http:// or https:// address with a host, without user, password and query, which are not shown either."""
