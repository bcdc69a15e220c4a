"""An application of Python in its process: a coroutine function answers all that it was asked side by side; another
function one after the other, without an event loop around it, so that it may run one of its own.

It needs the standard library alone, so that the interpreter that runs it need not have what Steelyard needs.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import FailedDrawError
from harness.models.application.called import cause, load_application, tell_of_opened, told
from harness.models.application.returned import UnreadableAnswerError, read_answer

_READS = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})
"""Events of the interpreter that tell of a file or folder that is read."""
_LISTS = frozenset({"os.listdir", "os.scandir"})
"""Those of a folder. One that modules are imported from is also listed by what looks for packages."""


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
        self._name, self._call = name, call
        self._opened = _watched(project, shared) if project else []
        self._application = load_application(call)
        self._runner = asyncio.Runner()  # for what returns an awaitable and is no coroutine function
        self.is_async = self._application.is_async
        options = sorted(self._application.options)
        self.ready = {"takes_messages": self._application.takes_messages, "options": options, "is_async": self.is_async}

    def look(self) -> dict[str, Any]:
        """How it is asked, the files of the modules that were imported, and those of the project that were read."""
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        modules = [file for file in files if isinstance(file, str)]
        return {"ready": self.ready, "modules": modules, "opened": self._opened}

    def ping(self) -> None:
        """Show that the event loop is not blocked."""

    def ask(self, prompt: str | None, messages: list[dict[str, Any]], **options: Any) -> Any:
        """Call the application; gives its answer, or what awaits it.

        Raises:
            FailedDrawError: it raised something, or returned what is no answer.
        """
        if self.is_async:
            return self._answer(prompt, messages, options)
        began = time.monotonic()
        try:
            value = self._application.function(*self._asked(prompt, messages), **options)
            value = self._runner.run(_awaited(value)) if inspect.isawaitable(value) else value
            return self._reply(value, messages, began)
        except BaseException as error:  # noqa: BLE001  the application's, which may raise anything
            raise self._failure(error) from None

    async def _answer(self, prompt: str | None, messages: list[dict[str, Any]], options: dict[str, Any]) -> Any:
        began = time.monotonic()
        try:
            value = await self._application.function(*self._asked(prompt, messages), **options)
            return self._reply(value, messages, began)
        except BaseException as error:  # noqa: BLE001  the application's, which may raise anything; a given up one, too
            raise self._failure(error) from None

    def _asked(self, prompt: str | None, messages: list[dict[str, Any]]) -> tuple[Any]:
        """The prompt, which the parent sees to, or messages that it may append to."""
        return (list(messages) if self._application.takes_messages else prompt,)

    def _reply(self, value: Any, messages: list[dict[str, Any]], began: float) -> dict[str, Any]:
        if self._opened:
            said = tell_of_opened(self._call, self._opened[0])
            raise FailedDrawError(f"{self._name}: {said}", "a file of the project as it lies there")
        return {"answer": read_answer(value, messages), "latency_s": time.monotonic() - began}

    def _failure(self, error: BaseException) -> FailedDrawError:
        if isinstance(error, FailedDrawError) and self._opened:
            return error
        if isinstance(error, UnreadableAnswerError):
            return FailedDrawError(f"{self._name}: {self._call} {error}.", "an answer that can't be read")
        return FailedDrawError(f"{self._name}: {self._call} raised {told(error)}", cause(error))

    async def close(self) -> None:
        """Close what `call` names, where it can be closed."""
        try:
            closed = None if self._application.close is None else self._application.close()
            if inspect.isawaitable(closed):
                await closed
        except Exception as error:  # noqa: BLE001  the application's, which may raise anything
            print(f"close() of {self._call} raised {told(error)}", file=sys.stderr)


def _watched(project: str, shared: Iterable[str]) -> list[str]:
    """The files of the project that are read, noted as they are opened."""
    found: list[str] = []
    others = [Path(place).resolve() for place in (*shared, sys.prefix, sys.base_prefix)]

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _READS or (event == "open" and arguments[2] & os.O_ACCMODE == os.O_WRONLY):
            return
        if not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        place = Path(os.fsdecode(arguments[0])).resolve()
        if not place.is_relative_to(project) or any(map(place.is_relative_to, others)) or not place.exists():
            return
        if event not in _LISTS or place not in {Path(entry).resolve() for entry in map(str, sys.path)}:
            found.append(str(place))

    sys.addaudithook(note)
    return found


async def _awaited(value: Any) -> Any:
    return await value
