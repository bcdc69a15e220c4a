"""Reads tables of settings, rows of files and single values into types, and says what is wrong with one of them.

A table is a frozen dataclass that is a `Table`; its fields have the types of this module, or plain ones, which are
taken strictly. pydantic reads it, and is imported when something is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from harness.config.files import json_lines
from harness.errors import SettingsError, UsageError, choices, nearest, shortened

Read = TypeVar("Read")
_STRICT: Mapping[str, Any] = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
_SHOWN = 400
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_NO_TABLE = 'is no table; write { key = "value" }.'


class WrongValueError(ValueError):
    """Raised by the check of a value; the message goes on after `NAME = VALUE`.

    Args:
        shown: what is shown in place of the value; "" for nothing of it.
    """

    def __init__(self, message: str, shown: str | None = None) -> None:
        super().__init__(message)
        self.shown = shown


class WrongTableError(WrongValueError):
    """Raised by a table whose values do not go together; the message goes on after the place, so with ":"."""


class Table:
    """Base of frozen dataclasses that `read` reads: they take no key but their fields', and no value of another type.

    Where one may leave a field out that is needed, `field(metadata={"is": "the address of a server"})` says what it is.
    """

    __slots__ = ()
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT
    word: ClassVar[str] = "setting"
    """A key as messages call it."""
    hint: ClassVar[str] = ""
    """Ends the message on keys that are not there."""
    short: ClassVar[str] = ""
    """The key that a text stands for where it is written in place of a table."""

    @classmethod
    def keys(cls) -> Collection[str]:
        """The keys that it may have: its fields."""
        return names_of(cls)

    @classmethod
    def needed(cls: Any, table: Mapping[str, Any]) -> Collection[str]:  # noqa: ARG003 - others look at the table
        """The keys that a table must have: the fields without a default."""
        return [each.name for each in fields(cls) if each.default is each.default_factory is MISSING]

    @classmethod
    def written(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The fields' values, from a table that has all keys that are needed, and none but known ones.

        Raises:
            WrongTableError: they do not go together.
        """
        return table

    @classmethod
    def _check(cls: Any, table: Any) -> Any:
        if isinstance(table, cls):
            return table
        if isinstance(table, str) and cls.short:
            table = {cls.short: table}
        if not isinstance(table, Mapping):
            text = f'"{cls.short.upper()}", or ' if cls.short else ""
            raise WrongValueError(f'is no table; write {text}{{ key = "value" }}.')
        for key in table:
            if key not in (known := cls.keys()):
                raise WrongTableError(f": {choices(cls.word, str(key), known)}")
        meanings = {each.name: each.metadata.get("is", "") for each in fields(cls)}
        if lacking := [name for name in cls.needed(table) if name not in table]:
            between = "; and " if any(meanings[name] for name in lacking) else " and "
            words = between.join(f"{name}: {meanings[name]}" if meanings[name] else name for name in lacking)
            raise WrongTableError(f" needs {words}{cls.hint}.")
        return cls.written(dict(table))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        schema = handler(source)
        schema["strict"] = False  # a table is written as a table, and its values are strict
        return core_schema.no_info_before_validator_function(cls._check, schema)


def names_of(table: Any) -> list[str]:
    """The names of a table's fields."""
    return [each.name for each in fields(table)]


def read(model: type[Read], table: Any, *, where: str, error: type[Exception] = SettingsError) -> Read:
    """Read a table into its type.

    Args:
        where: the file and the table, which begin the message.

    Raises:
        SettingsError, or `error`: with the table, the key, its value and what to write instead.
    """
    checked: Read = check(model, table, "", where=where, error=error)
    return checked


def check(kind: Any, value: Any, name: str, *, where: str, error: type[Exception] = SettingsError) -> Any:
    """Read one value into a type of this module, or into another annotation. Raises as `read` does."""
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as refused:
        raise error(_error_text(refused.errors(include_url=False)[0], where, name)) from None


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
    "float_type": "is not a number.",
    "finite_number": "is not a number.",
    "bool_type": "is neither true nor false.",
    "string_type": "is not a text; write it in quotes.",
    "dict_type": _NO_TABLE,
    "mapping_type": _NO_TABLE,
    "list_type": "is no list; write it in brackets.",
    "tuple_type": "is no list; write it in brackets.",
    "date_type": "is no day; write one without quotes, such as 2026-12-15.",
}


def _error_text(wrong: Mapping[str, Any], where: str, name: str) -> str:
    """One error of pydantic's, told with the table, the key, the value and the remedy."""
    path = [name] if name else []
    for step in wrong["loc"]:
        if isinstance(step, int) and path:
            path[-1] += f"[{step}]"
        else:
            path.append(str(step))
    refused, value = wrong.get("ctx", {}).get("error"), wrong["input"]
    if isinstance(refused, WrongTableError):
        return ", ".join([where, *path]) + str(refused)
    place = ": ".join([", ".join([where, *path[:-1]]), *path[-1:]])
    if wrong["type"] == "literal_error":
        refused = _none_of(value, re.findall(r"'([^']*)'", wrong["ctx"]["expected"]))
    message = str(refused or _WRONG.get(wrong["type"], f"can't be: {wrong['msg']}."))
    shown = getattr(refused, "shown", None)
    shown = shortened(value, _SHOWN) if shown is None else shown
    return f"{place} = {shown} {message}" if shown else f"{place} {message}"


class Checked:
    """Of an annotated type: a function that is given a value, and gives the one that is taken, or `WrongValueError`.

    It is given a value of the type, or, with `is_all`, whatever was written.
    """

    def __init__(self, function: Callable[[Any], Any], is_all: bool = False) -> None:
        self._function, self._is_all = function, is_all

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        if self._is_all:
            return core_schema.no_info_plain_validator_function(self._function)
        return core_schema.no_info_after_validator_function(self._function, handler(source))


class Between(Checked):
    """Of an annotated number: the range that it lies in, without its upper end with `below`."""

    def __init__(self, low: float = -math.inf, high: float = math.inf, below: bool = False) -> None:
        super().__init__(partial(_between, low, high, below))


def _between(low: float, high: float, below: bool, value: float) -> float:
    if low <= value <= high and not (below and value == high):
        return value
    if isinstance(value, int):
        raise WrongValueError(f"is below {low}." if value < low else f"is above {high}, the largest possible.")
    until = f"[{low:g}, {high:g}{')' if below else ']'}"
    raise WrongValueError(f"is outside {f'the range from {low:g} up' if high == math.inf else until}.")


class OneOf(Checked):
    """Of an annotated text: the words that it may be, and what else may be done, which ends the message."""

    def __init__(self, words: Collection[str], hint: str = "") -> None:
        super().__init__(partial(_one_of, words, hint), is_all=True)


def _one_of(words: Collection[str], hint: str, value: Any) -> str:
    if isinstance(value, str) and value in words:
        return value
    raise _none_of(value, words, hint)


def _none_of(value: Any, words: Collection[str], hint: str = "") -> WrongValueError:
    known = sorted(words)
    return WrongValueError(f"is none of: {', '.join(known)}.{nearest(str(value), known)}{hint}", repr(str(value)))


class Must(Checked):
    """Of an annotated type: what holds of each of its values, and what is said of another, as of `WrongValueError`."""

    def __init__(self, holds: Callable[[Any], Any], message: str, shown: str | None = None) -> None:
        super().__init__(partial(_held, holds, message, shown))


def _held(holds: Callable[[Any], Any], message: str, shown: str | None, value: Any) -> Any:
    if not holds(value):
        raise WrongValueError(message, shown)
    return value


def _is_function(name: str) -> bool:
    module, _, names_within = name.partition(":")
    return all(part.isidentifier() for part in (*module.split("."), *names_within.split(".")))


def checked_names(value: Any) -> tuple[str, ...]:
    """One name, or a list of different ones."""
    names = tuple(value) if isinstance(value, list | tuple) else (value,)
    if others := [item for item in names if not isinstance(item, str) or not item.strip()]:
        raise WrongValueError(_WRONG["string_type"], shortened(others[0], _SHOWN))
    twice = next((item for item in names if names.count(item) > 1), None)
    if not names or twice is not None:
        wrong = "names nobody" if not names else f"names {twice!r} twice"
        raise WrongValueError(f'{wrong}; write one name, or a list such as ["a", "b"].')
    return names


def _json_table(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise WrongValueError(_NO_TABLE)
    try:
        json.dumps(value)
    except TypeError:
        raise WrongValueError("holds a date or a time; write it as a text.") from None
    return value


def _duration_s(value: Any) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip()) if isinstance(value, str) else None
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise WrongValueError('is not a duration; write "90s", "30m", "12h", "7d" or "2w".')
    return seconds


def _secret_text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValueError(_WRONG["string_type"], "***")
    return value


Number = Annotated[float, Between()]
NotNegative = Annotated[float, Between(0)]
Positive = Annotated[float, Must(lambda value: value > 0, "is not above 0.")]
Share = Annotated[float, Between(0, 1)]
Count = Annotated[int, Between(1)]
Natural = Annotated[int, Between(0)]
Seed = Annotated[int, Between(0, (1 << 63) - 1)]
Text = Annotated[str, Must(str.strip, _WRONG["string_type"])]
SecretText = Annotated[str, Checked(_secret_text, is_all=True), Must(str.strip, _WRONG["string_type"])]
"""A text that may hold a secret: what is written in its place, such as a list of it, is not shown."""
PathText = Annotated[Text, Must(lambda text: "\0" not in text, "holds a NUL character, which no path has; remove it.")]
"""A text that may be the path of a file or folder."""
FunctionName = Annotated[
    Text, Must(_is_function, 'names no function; write "module:function", as in "shop.bot:answer".')
]
_NO_VARIABLE = (
    "is not the name of an environment variable; put the key into one, such as OPENAI_API_KEY, and write that name."
)
VariableName = Annotated[SecretText, Must(re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch, _NO_VARIABLE, shown="")]
"""The name of an environment variable. What is none is not shown: it may be the secret itself."""
Names = Annotated[tuple[str, ...], Checked(checked_names, is_all=True)]
"""One name, or a list of different ones."""
JsonTable = Annotated[Mapping[str, Any], Checked(_json_table, is_all=True)]
"""A table of values that JSON can hold."""
Duration = Annotated[float, Checked(_duration_s, is_all=True)]
"""Seconds of a duration such as "90s", "30m", "12h", "7d" or "2w"."""
