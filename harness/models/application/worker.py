"""The process in which an application of Python runs.

Requests come in on the standard input and answers leave on what was the standard output, as frames; what the
application prints goes to the standard error. A coroutine function answers all that it was asked side by side; another
function one after the other, without an event loop around it, so that it may run one of its own.

It needs the standard library alone, so that the interpreter that runs it need not have what Steelyard needs.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from harness.models.application.called import (
    Application,
    UncallableError,
    cause,
    load_application,
    tell_of_opened,
    told,
)
from harness.models.application.returned import UnreadableAnswerError, read_answer
from harness.models.processes.ends import answer_pipe
from harness.models.processes.frames import encode_frame, read_frame, receive_frame

_FAILED_START = 3
_LOOK_S = 1.0
_GRACE_S = 4.0
_READS = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})
"""Events of the interpreter that tell of a file or folder that is read."""
_LISTS = frozenset({"os.listdir", "os.scandir"})
"""Those of a folder. One that modules are imported from is also listed by what looks for packages."""


def main() -> None:
    """Import what the first frame names, then answer until the parent closes the pipe."""
    answers = answer_pipe()
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # what was printed is told although the process ends at once
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    start = read_frame(requests)
    if start is None:
        return
    sys.path[:0] = start["paths"]
    sys.argv = [start["call"]]
    opened = _watched(start)
    try:
        application = load_application(start["call"])
    except UncallableError as error:
        answers.write(encode_frame({"failed": str(error), "settings": True}))
        sys.exit(_FAILED_START)
    ready = {name: getattr(application, name) for name in ("takes_messages", "is_async")}
    ready["options"] = sorted(application.options)
    if start.get("only_look"):
        files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        modules = [file for file in files if isinstance(file, str)]
        answers.write(encode_frame({"ready": {**ready, "modules": modules, "opened": opened}}))
        return
    answers.write(encode_frame({"ready": ready}))
    if application.is_async:
        asyncio.run(_Loop(start["call"], application, answers, opened).serve(requests))
    else:
        _serve(start["call"], application, requests, answers, opened)
    atexit._run_exitfuncs()  # such as those that send off what was traced
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # whatever threads the application left behind


def _end_with(parent: int) -> None:
    """End this process, and all that it started, once the parent is gone."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os.killpg(0, signal.SIGKILL)


def _watched(start: dict[str, Any]) -> list[str]:
    """The files of the project as it lies there that an application at a commit reads, noted as it opens them."""
    found: list[str] = []
    if "project" not in start:
        return found
    project = Path(start["project"])
    shared = [Path(place).resolve() for place in (*start["shared"], sys.prefix, sys.base_prefix)]

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _READS or (event == "open" and arguments[2] & os.O_ACCMODE == os.O_WRONLY):
            return
        if not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        place = Path(os.fsdecode(arguments[0])).resolve()
        if not place.is_relative_to(project) or any(map(place.is_relative_to, shared)) or not place.exists():
            return
        if event not in _LISTS or place not in {Path(entry).resolve() for entry in map(str, sys.path)}:
            found.append(str(place))

    sys.addaudithook(note)
    return found


def _arguments(application: Application, message: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the function's arguments: the prompt or the messages, and by name what it takes beside them.

    A prompt is told by the parent, which refuses a conversation for a function that takes one.
    """
    asked = list(message["messages"]) if application.takes_messages else message["prompt"]  # it may append to them
    return asked, {name: message.get(name) for name in application.options}


def _reply(call: str, message: dict[str, Any], value: Any, began: float, opened: list[str]) -> dict[str, Any]:
    if opened:
        return {"error": tell_of_opened(call, opened[0]), "cause": "a file of the project as it lies there"}
    asked = message.get("messages") or [{"role": "user", "content": message["prompt"]}]
    return {"answer": read_answer(value, asked), "latency_s": time.monotonic() - began}


def _failure(call: str, error: BaseException) -> dict[str, Any]:
    if isinstance(error, UnreadableAnswerError):
        return {"error": f"{call} {error}.", "cause": "an answer that can't be read"}
    return {"error": f"{call} raised {told(error)}", "cause": cause(error)}


def _serve(call: str, application: Application, requests: BinaryIO, answers: BinaryIO, opened: list[str]) -> None:
    """Answer one after the other."""
    with asyncio.Runner() as runner:  # for what returns an awaitable and is no coroutine function
        while (message := read_frame(requests)) is not None:
            if "cancel" in message:
                continue
            asked, options = _arguments(application, message)
            began = time.monotonic()
            try:
                value = application.function(asked, **options)
                value = runner.run(_awaited(value)) if inspect.isawaitable(value) else value
                reply = _reply(call, message, value, began, opened)
            except BaseException as error:  # noqa: BLE001  the application's, which may raise anything
                reply = _failure(call, error)
            answers.write(encode_frame({"id": message["id"], **reply}))
        if application.close is not None:
            runner.run(_close(call, application.close))


async def _awaited(value: Any) -> Any:
    return await value


async def _close(call: str, close: Callable[[], Any]) -> None:
    try:
        value = close()
        if inspect.isawaitable(value):
            await value
    except Exception as error:  # noqa: BLE001  the application's, which may raise anything
        print(f"close() of {call} raised {told(error)}", file=sys.stderr)


class _Loop:
    """Answers all that it is asked side by side, in one event loop."""

    def __init__(self, call: str, application: Application, answers: BinaryIO, opened: list[str]) -> None:
        self._call = call
        self._opened = opened
        self._application = application
        self._answers = answers
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self, requests: BinaryIO) -> None:
        """Answer until the pipe ends."""
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), requests)
        while (message := await receive_frame(stream)) is not None:
            if "ping" in message:
                self._answers.write(encode_frame({"id": message["id"]}))
            elif "cancel" in message:
                task = self._tasks.get(message["cancel"])
                if task is not None:
                    task.cancel()
            else:
                self._tasks[message["id"]] = loop.create_task(self._answer(message))
        for task in self._tasks.values():
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*self._tasks.values(), return_exceptions=True), _GRACE_S)
        if self._application.close is not None:
            await _close(self._call, self._application.close)

    async def _answer(self, message: dict[str, Any]) -> None:
        asked, options = _arguments(self._application, message)
        began = time.monotonic()
        try:
            value = await self._application.function(asked, **options)
            reply = _reply(self._call, message, value, began, self._opened)
        except BaseException as error:  # noqa: BLE001  the application's, which may raise anything; a given up one, too
            reply = _failure(self._call, error)
        finally:
            del self._tasks[message["id"]]
        self._answers.write(encode_frame({"id": message["id"], **reply}))
