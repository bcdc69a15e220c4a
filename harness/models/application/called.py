"""Imports what `call` names, and tells how it is asked.

It needs the standard library alone: it runs beside the application.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import traceback
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import SettingsError

MESSAGES = ("messages", "conversation", "history", "turns", "chat")
"""Names of a first parameter that takes messages, where its annotation does not say what it takes."""
OPTIONS = ("sampling", "schema", "tools")
"""Further arguments of a function, given where it has a parameter of this name."""
_LISTS = ("list", "tuple", "sequence", "iterable", "collection", "messages")
_MOST_FRAMES = 12
_LONGEST = 500
_OWN = str(Path(__file__).parent)


class UncallableError(SettingsError):
    """The object that `call` names can't be imported or asked; the text says why, and what to do.

    Attributes:
        is_missing: whether it is not there.
    """

    def __init__(self, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True)
class Application:
    """The function that answers, and how it is asked.

    Attributes:
        takes_messages: whether it takes all messages; else the prompt alone.
        options: of `OPTIONS` those that it takes.
        is_async: whether it answers several at a time in one loop.
        close: to be called at the end; may be a coroutine function.
    """

    function: Callable[..., Any]
    takes_messages: bool
    options: frozenset[str]
    is_async: bool
    close: Callable[[], Any] | None = None


def load_application(call: str) -> Application:
    """Import a function, a method, or a class that is made once, from "module:name".

    Raises:
        UncallableError: it is not there, can't be imported or made, or does not take one question.
    """
    module_name, _, path = call.partition(":")
    found: Any = _module(call, module_name)
    owner: Any = None
    for name in path.split("."):
        owner, found = found, _member(call, found, name)
        if inspect.isclass(owner) and inspect.isfunction(inspect.getattr_static(owner, name)):
            owner = _made(call, owner)
            found = getattr(owner, name)
    if inspect.isclass(found):
        owner = found = _made(call, found)
    if not callable(found):
        raise UncallableError(
            f"{call} is {type(found).__name__}, which can't be called. Name a function, or a class with __call__."
        )
    close = None if inspect.ismodule(owner) else getattr(owner, "close", None) or getattr(owner, "aclose", None)
    return _application(call, found, close if callable(close) else None)


def _module(call: str, name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            looked = ", ".join(place for place in dict.fromkeys(sys.path[:2]) if Path(place).is_dir())
            raise UncallableError(
                f"{call} is not there: no module {error.name!r} in {looked}, nor among the installed ones. `folder` "
                "says from where it is imported.",
                is_missing=True,
            ) from None
        raise UncallableError(f"{call} can't be imported. {told(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  the user's code, which may raise anything
        raise UncallableError(f"{call} can't be imported. {told(error)}") from None


def _member(call: str, owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        import difflib

        there = [each for each in vars(owner) if not each.startswith("_")] if hasattr(owner, "__dict__") else []
        near = difflib.get_close_matches(name, there, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        where = getattr(owner, "__name__", type(owner).__name__)
        raise UncallableError(f"{call} is not there: {where} has no {name!r}.{hint}", is_missing=True) from None


def _made(call: str, cls: type) -> Any:
    try:
        return cls()
    except (Exception, SystemExit) as error:  # noqa: BLE001  the user's code, which may raise anything
        raise UncallableError(f"{cls.__name__}() of {call} can't be made. {told(error)}") from None


def _application(call: str, function: Callable[..., Any], close: Callable[[], Any] | None) -> Application:
    asked = function
    while isinstance(asked, functools.partial):
        asked = asked.func
    if not inspect.isroutine(asked):
        asked = type(asked).__call__
    if inspect.isasyncgenfunction(asked) or inspect.isgeneratorfunction(asked):
        raise UncallableError(f"{call} yields pieces of an answer. Give a function that returns it whole.")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return Application(function, False, frozenset(), inspect.iscoroutinefunction(asked), close)
    taken = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    several = [each for each in parameters if each.kind is each.VAR_POSITIONAL]
    if not taken and not several:
        by_name = [f"{each.name!r}" for each in parameters if each.kind is each.KEYWORD_ONLY]
        what = f"{', '.join(by_name)} by name alone, and is asked by position" if by_name else "nothing"
        raise UncallableError(
            f"{call} takes {what}. Give it a first parameter without a star before it, such as prompt or messages."
        )
    first = (taken or several)[0]
    options = {each.name for each in parameters if each.name in OPTIONS and each is not first}
    lacking = [
        each.name
        for each in parameters
        if each is not first
        and each.name not in options
        and each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if lacking:
        raise UncallableError(
            f"{call} needs {', '.join(lacking)}, which nobody gives it. It is called with the prompt or the messages, "
            f"and by name with those of {', '.join(OPTIONS)} that it takes; give the others a default."
        )
    is_async = inspect.iscoroutinefunction(asked)
    return Application(function, _takes_messages(function, first), frozenset(options), is_async, close)


def _takes_messages(function: Callable[..., Any], first: inspect.Parameter) -> bool:
    """Tell by the annotation of the first parameter whether it takes messages, else by its name."""
    annotation = first.annotation
    if isinstance(annotation, str):
        try:
            hints = typing.get_type_hints(getattr(function, "__func__", function))
            annotation = hints.get(first.name, annotation)
        except Exception:  # noqa: BLE001  names that are there for a type checker alone
            annotation = annotation.partition("[")[0].rpartition(".")[2]
    kind = typing.get_origin(annotation) or annotation
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    return name.lower() in _LISTS or (name != "str" and first.name in MESSAGES)


def told(error: BaseException) -> str:
    """An exception, with the lines of the application that it came through below it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((_OWN, "<frozen"))][-_MOST_FRAMES:]
    if isinstance(error, SyntaxError):
        said = "".join(traceback.format_exception_only(error)).strip()
    else:
        text = _text_of(error)
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    lines = "".join(f'\n  File "{each.filename}", line {each.lineno}, in {each.name}\n    {each.line}' for each in own)
    return f"{said}\nTraceback (most recent call last):{lines}" if lines else said


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as other:  # noqa: BLE001  the user's code, which may raise anything
        return f"(its text can't be told: str() of it raised {type(other).__name__})"


def cause(error: BaseException) -> str:
    """Return an exception's type and the line that raised it, which others of its kind share."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


def tell_of_opened(call: str, path: str) -> str:
    """Why an application at a commit gives no answer that comes from a file of the project as it lies there."""
    return (
        f"{call} reads {path}, which is of the project as it lies there and not of its commit. Let it start from the "
        "working folder, or from the module's own: Path(__file__).parent."
    )
