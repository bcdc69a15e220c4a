"""The worker's own end: it reads calls on its standard input, and answers them on what was its standard output.

A frame is a length in four bytes, then JSON. A call is {"id", "op", "payload"}; {"cancel": id} takes it back, and
{"close": true} asks for a kind end. Answers are {"id", "result"} or {"id", "error"}; an operation that was asked with
`progress` says before how far it is, {"id", "progress"}. {"log"} is a line of Steelyard's own log. Whatever is printed
goes to the standard error. The process ends with all that it started as soon as its input does, which also happens when
its parent is killed.

It needs the standard library alone, for an application's interpreter may have no more.
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import functools
import importlib
import inspect
import io
import json
import logging
import os
import select
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

_LENGTH = struct.Struct("<I")
_GRACE_S = 4.0
_ERRORS = "harness.errors"


def encode_frame(message: dict[str, Any]) -> bytes:
    """The message as it goes over the pipe."""
    body = json.dumps(message, separators=(",", ":"), default=os.fspath).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def take_frames(received: bytearray) -> Iterator[dict[str, Any]]:
    """Yield the messages that are all there, and take them out of what was received."""
    while len(received) >= _LENGTH.size:
        end = _LENGTH.size + _LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return
        body = bytes(received[_LENGTH.size : end])
        del received[:end]
        yield dict(json.loads(body))


def main() -> NoReturn:
    """Be the worker of the target that the command line names: a module, whose functions are the operations, or
    "module:name" of what gives an object once it is started, whose methods they are.
    """
    child = _Child(sys.argv[1])
    child.answer_in_turn()
    if getattr(child.owner, "is_async", False):
        asyncio.run(child.answer_side_by_side())
    else:
        asyncio.run(child.end())
    atexit._run_exitfuncs()  # such as those that send off what was traced
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # whatever threads the target left behind


class _Child(logging.Handler):
    """The calls that came in and the way to their answers; a handler that sends Steelyard's log to the parent."""

    def __init__(self, target: str) -> None:
        super().__init__(logging.INFO)
        self.owner: Any = None
        self._pid = os.getpid()
        self._answers, self._requests = os.dup(1), os.dup(0)
        os.dup2(2, 1)
        # Each process that is forked closes its standard input, and would wait for a thread that reads from it.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True)  # what was printed is told although the process ends at once
        self._writing = threading.Lock()
        self._received = bytearray()
        self._calls: collections.deque[dict[str, Any]] = collections.deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        logging.getLogger("harness").addHandler(self)
        logging.getLogger("harness").setLevel(logging.INFO)
        module, _, self._name = target.partition(":")
        self._missing: Exception | None = None
        try:
            self.owner = importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  it is the answer to the first call
            self._missing = error

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line of the log; a process that was forked from this one has no way to do so."""
        if os.getpid() == self._pid:
            self._send({"log": record.getMessage()})

    def answer_in_turn(self) -> None:
        """Answer one call after the other, until the parent closes, or what was started answers side by side."""
        while not getattr(self.owner, "is_async", False):
            # What came meanwhile may take back what waits.
            while not self._calls or select.select([self._requests], [], [], 0)[0]:
                self._calls.extend(self._receive())
            call = self._calls.popleft()
            if "close" in call:
                return
            if "cancel" in call or any(other.get("cancel") == call["id"] for other in self._calls):
                continue
            try:
                self._send({"id": call["id"], "result": self._operation(call)})
            except Exception as error:  # noqa: BLE001  whatever a target's code raises must reach the parent
                self._send({"id": call["id"], "error": describe_error(error)})

    def _operation(self, call: dict[str, Any]) -> Any:
        """Do what is asked; give its result, or its awaitable."""
        if self._missing is not None:
            raise self._missing
        if call["op"] == "start":
            self.owner = functools.reduce(getattr, self._name.split("."), self.owner)(**call["payload"])
            return getattr(self.owner, "ready", None)
        operation = getattr(self.owner, call["op"])
        if call.get("progress"):
            call["payload"]["progress"] = lambda state: self._send({"id": call["id"], "progress": state})
        return operation(**call["payload"])

    async def answer_side_by_side(self) -> None:
        """Answer all calls in one event loop, until the parent closes."""
        asyncio.get_running_loop().add_reader(self._requests, lambda: self._begin(self._receive()))
        self._begin(self._calls)
        await self._closing.wait()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*self._tasks.values(), return_exceptions=True), _GRACE_S)
        await self.end()

    def _begin(self, calls: Iterable[dict[str, Any]]) -> None:
        for call in calls:
            if "close" in call:
                self._closing.set()
            elif "cancel" not in call:
                self._tasks[call["id"]] = asyncio.get_running_loop().create_task(self._answer(call))
            elif (task := self._tasks.get(call["cancel"])) is not None:
                task.cancel()

    async def _answer(self, call: dict[str, Any]) -> None:
        try:
            result = self._operation(call)
            self._send({"id": call["id"], "result": await result if inspect.isawaitable(result) else result})
        except Exception as error:  # noqa: BLE001  whatever a target's code raises must reach the parent
            self._send({"id": call["id"], "error": describe_error(error)})
        finally:
            del self._tasks[call["id"]]

    async def end(self) -> None:
        """Close what was started, where it can be closed."""
        closed = getattr(self.owner, "close", _nothing)()
        if inspect.isawaitable(closed):
            await closed

    def _send(self, message: dict[str, Any]) -> None:
        block = memoryview(encode_frame(message))
        with self._writing:
            while block:
                block = block[os.write(self._answers, block) :]

    def _receive(self) -> list[dict[str, Any]]:
        """Wait until something comes, and give what is all there."""
        self._received += os.read(self._requests, 1 << 16)
        return list(take_frames(self._received))

    def _end_with_parent(self) -> None:
        """Wait for the end of the input. Python would first wait for the work that is going on, wanted by nobody."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the threads that wait for them
        ended = select.poll()
        ended.register(self._requests, select.POLLHUP)
        ended.poll()
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)


def _nothing() -> None:
    """Close what needs no closing."""


def describe_error(error: Exception) -> dict[str, Any]:
    """An error as its type, its message and what else it has, such as a remedy. Of one that is none of Steelyard's, the
    message begins with its own type, and the traceback is printed.
    """
    kind = next((each for each in type(error).__mro__ if each.__module__ == _ERRORS), None)
    if kind is None:
        traceback.print_exception(error)
        return {"type": "EngineError", "message": f"{type(error).__name__}: {error}", "cause": None}
    more = {name: value for name, value in vars(error).items() if value is None or isinstance(value, str | int)}
    return {**more, "type": kind.__name__, "message": str(error)}


if __name__ == "__main__":
    main()
