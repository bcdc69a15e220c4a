"""An application of Python in its process: imports what `call` names, and asks it as its signature says.

A coroutine function answers all that it was asked side by side; another function one after the other, without an event
loop around it, so that it may run one of its own. It needs the standard library alone, so that the interpreter that
runs it need not have what Steelyard needs.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import inspect
import json
import os
import sys
import time
import traceback
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.errors import FailedDrawError, SettingsError, nearest, shortened

MESSAGES = ("messages", "conversation", "history", "turns", "chat")
"""Names of a first parameter that takes messages, where its annotation does not say what it takes."""
OPTIONS = ("sampling", "schema", "tools")
"""Further arguments of a function, given where it has a parameter of this name."""
WAY_OUT = 'return the text, or a dict such as {"text": …, "context": […]}'
UNREADABLE = "an answer that can't be read"
_LISTS = ("list", "tuple", "sequence", "iterable", "collection", "messages")
_READS = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})
"""Events of the interpreter that tell of a file or folder that is read."""
_MOST_FRAMES = 12
_LONGEST = 500
_OWN = str(Path(__file__).parent)


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
    takes_messages: bool = False
    options: frozenset[str] = frozenset()
    is_async: bool = False
    close: Callable[[], Any] | None = None


class ApplicationWorker:
    """What `call` names, imported from these paths.

    Args:
        name: of its engine, in messages.
        project: the folder of a project as it lies there, of which an application at a commit may read nothing.
        shared: what in it belongs to the commit, too.

    Attributes:
        ready: how it is asked.
    """

    def __init__(self, name: str, call: str, paths: list[str], project: str = "", shared: Iterable[str] = ()) -> None:
        sys.path[:0] = paths
        sys.argv = [call]
        self._who = f"{name}: {call}"
        self._opened = _watched(project, shared) if project else []
        self._application = load_application(call)
        self._runner = asyncio.Runner()  # for what returns an awaitable and is no coroutine function
        self.is_async = self._application.is_async
        options = sorted(self._application.options)
        self.ready = {"takes_messages": self._application.takes_messages, "options": options, "is_async": self.is_async}
        if self._opened:
            raise SettingsError(self._foreign())

    def ping(self) -> None:
        """Show that the event loop is not blocked."""

    def ask(self, prompt: str | None, messages: list[dict[str, Any]], **options: Any) -> Any:
        """Call the application; gives what it returned, or what awaits it.

        Raises:
            FailedDrawError: it raised something, or returned what is no answer.
        """
        # The prompt, which the parent sees to, or messages that it may append to.
        asked, began = list(messages) if self._application.takes_messages else prompt, time.monotonic()
        if self.is_async:
            return self._answer(self._application.function, asked, options, began)
        try:
            value = self._application.function(asked, **options)
            value = self._runner.run(_awaited(value)) if inspect.isawaitable(value) else value
        except BaseException as error:  # noqa: BLE001  the application's, which may raise anything
            raise FailedDrawError(f"{self._who} raised {error_text(error)}", cause(error)) from None
        return self._reply(value, began)

    async def _answer(self, function: Callable[..., Any], asked: Any, options: dict[str, Any], began: float) -> Any:
        try:
            value = await function(asked, **options)
        except BaseException as error:  # noqa: BLE001  the application's, which may raise anything; a given up one, too
            raise FailedDrawError(f"{self._who} raised {error_text(error)}", cause(error)) from None
        return self._reply(value, began)

    def _reply(self, value: Any, began: float) -> dict[str, Any]:
        if self._opened:
            raise FailedDrawError(self._foreign(), "a file of the project as it lies there")
        try:
            return {"answer": as_json(value), "latency_s": time.monotonic() - began}
        except Exception as error:  # noqa: BLE001  an object of the application's, whose methods may do anything
            message = error if isinstance(error, TypeError | ValueError) else f"{type(error).__name__}: {error}"
            raise FailedDrawError(f"{self._who} returned {shortened(value)}: {message}.", UNREADABLE) from None

    def _foreign(self) -> str:
        """Why an application at a commit gives no answer that comes from a file of the project as it lies there."""
        return (
            f"{self._who} reads {self._opened[0]}, which is of the project as it lies there and not of its commit. Let "
            "paths start from the working folder, or from Path(__file__).parent; where the environment leads to a "
            'module, name the folder that it is imported from, as in folder = "backend".'
        )

    async def close(self) -> None:
        """Close what `call` names, where it can be closed."""
        try:
            closed = None if self._application.close is None else self._application.close()
            if inspect.isawaitable(closed):
                await closed
        except Exception as error:  # noqa: BLE001  the application's, which may raise anything
            print(f"close() of {self._who} raised {error_text(error)}", file=sys.stderr)


def load_application(call: str) -> Application:
    """Import a function, a method, or a class that is made once, from "module:name".

    Raises:
        SettingsError: it is not there, can't be imported or made, or does not take one question.
    """
    module, _, path = call.partition(":")
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise SettingsError(
            f"{call} is not there: no module {module!r} in {sys.path[0]}, nor among the installed ones. `folder` says "
            "from where it is imported."
        )
    owner, target = None, _ran(f"{call} can't be imported.", importlib.import_module, module)
    for name in path.split("."):
        if not hasattr(target, name):
            where = getattr(target, "__name__", type(target).__name__)
            hint = nearest(name, [each for each in dir(target) if not each.startswith("_")])
            raise SettingsError(f"{call} is not there: {where} has no {name!r}.{hint}")
        owner, target = target, getattr(target, name)
        if inspect.isclass(owner) and inspect.isfunction(inspect.getattr_static(owner, name)):
            owner = _ran(f"{owner.__name__}() of {call} can't be made.", owner)
            target = getattr(owner, name)
    if inspect.isclass(target):
        owner = target = _ran(f"{target.__name__}() of {call} can't be made.", target)
    if not callable(target):
        kind = type(target).__name__
        raise SettingsError(f"{call} is {kind}, which can't be called. Name a function, or a class with __call__.")
    close = None if inspect.ismodule(owner) else getattr(owner, "close", None) or getattr(owner, "aclose", None)
    return _application(call, target, close if callable(close) else None)


def _ran(refusal: str, work: Callable[..., Any], *given: Any) -> Any:
    try:
        return work(*given)
    except (Exception, SystemExit) as error:  # noqa: BLE001  the user's code, which may raise anything
        raise SettingsError(f"{refusal} {error_text(error)}") from None


def _application(call: str, function: Callable[..., Any], close: Callable[[], Any] | None) -> Application:
    asked = function
    while isinstance(asked, functools.partial):
        asked = asked.func
    if not inspect.isroutine(asked):
        asked = type(asked).__call__
    if inspect.isasyncgenfunction(asked) or inspect.isgeneratorfunction(asked):
        raise SettingsError(f"{call} yields pieces of an answer. Give a function that returns it whole.")
    is_async = inspect.iscoroutinefunction(asked)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return Application(function, is_async=is_async, close=close)
    first = parameters[0] if parameters else None
    if first is None or first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        raise SettingsError(
            f"{call} takes nothing by position. Give it a first parameter without a star before it, such as prompt or "
            "messages."
        )
    more = [each for each in parameters[1:] if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    lacking = [each.name for each in more if each.name not in OPTIONS and each.default is each.empty]
    if lacking:
        raise SettingsError(
            f"{call} needs {', '.join(lacking)}, which nobody gives it. It is called with the prompt or the messages, "
            f"and by name with those of {', '.join(OPTIONS)} that it takes; give the others a default."
        )
    options = frozenset(each.name for each in more).intersection(OPTIONS)
    return Application(function, _takes_messages(function, first), options, is_async, close)


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


def as_json(value: Any) -> Any:
    """Return what an application returned, as JSON holds it: what is no text, number, list or table of them by its
    own data, else, but for the texts of an answer, as a text. Raises TypeError: it is no answer.
    """
    if value is None or isinstance(value, str):
        return value
    fields = value if isinstance(value, Mapping) else _data_of(value)
    if not isinstance(fields, Mapping):
        raise TypeError(f"it has no text that Steelyard knows; {WAY_OUT}")
    for name in ("text", "reasoning", "finish_reason"):
        if not isinstance(fields.get(name), str | None):
            raise TypeError(f"{name} is {shortened(fields[name])}, not a text")
    cost = fields.get("cost")
    fields = {**fields, "cost": float(cost)} if isinstance(cost, Decimal) else dict(fields)
    return json.loads(json.dumps(fields, default=_data_of), parse_constant=str)


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


def error_text(error: BaseException) -> str:
    """An exception, with the lines of the application that it came through below it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((_OWN, "<frozen"))][-_MOST_FRAMES:]
    text = "".join(traceback.format_exception_only(error)).strip()
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return (
        f"{text}\nTraceback (most recent call last):\n{''.join(traceback.format_list(own)).rstrip()}" if own else text
    )


def cause(error: BaseException) -> str:
    """Return an exception's type and the line that raised it, which others of its kind share."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


def _watched(project: str, shared: Iterable[str]) -> list[str]:
    """The files of the project that are read, noted as they are opened."""
    changed: list[str] = []
    others = [Path(place).resolve() for place in (*shared, sys.prefix, sys.base_prefix)]

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _READS or (event == "open" and arguments[2] & os.O_ACCMODE == os.O_WRONLY):
            return
        if not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        place = Path(os.fsdecode(arguments[0])).resolve()
        if not place.is_relative_to(project) or any(map(place.is_relative_to, others)) or not place.exists():
            return
        # A folder that modules are imported from is also listed by what looks for packages.
        if not place.is_dir() or place not in {Path(entry).resolve() for entry in map(str, sys.path)}:
            is_cached = place.parent.name == "__pycache__"
            changed.append(importlib.util.source_from_cache(str(place)) if is_cached else str(place))

    sys.addaudithook(note)
    return changed


async def _awaited(value: Any) -> Any:
    return await value
