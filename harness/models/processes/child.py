"""The worker's own end: it reads calls on its standard input, and answers them on what was its standard output.

A message is a line of JSON. A call is {"id", "op", "payload"}; {"cancel": id} takes it back, and {"close": true} asks
for a kind end. Answers are {"id", "result"} or {"id", "error"}; an operation that was asked with `progress` says before
how far it is, {"id", "progress"}. {"log"} is a line of Steelyard's own log. Whatever is printed goes to the standard
error. The process ends with all that it started as soon as its input does, as it does when its parent is killed.

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
import sys
import threading
import traceback
from typing import Any, NoReturn

_GRACE_S = 4.0


def encode_frame(message: dict[str, Any]) -> bytes:
    """The message as it goes over the pipe."""
    return json.dumps(message, separators=(",", ":"), default=os.fspath).encode("ascii") + b"\n"


def take_lines(received: bytearray, data: bytes) -> list[bytes]:
    """Add to what was received, and take out of it the lines that are whole now."""
    received += data
    if b"\n" not in data:  # the rest of a long line is not looked through again
        return []
    *lines, rest = received.split(b"\n")
    received[:] = rest
    return [bytes(line) for line in lines]


def main() -> NoReturn:
    """Be the worker of the target that the command line names: a module, whose functions are the operations, or
    "module:name" of what gives an object once it is started, whose methods they are.
    """
    child = _Child(sys.argv[1])
    child.answer_in_turn()
    asyncio.run(child.answer_side_by_side())
    atexit._run_exitfuncs()  # such as those that send off what was traced
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # whatever threads the target left behind


class _Child(logging.Handler):
    """The calls that came in and the way to their answers; a handler that sends Steelyard's log to the parent."""

    def __init__(self, target: str) -> None:
        super().__init__(logging.INFO)
        self._owner: Any = None
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
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        logging.getLogger("harness").addHandler(self)
        logging.getLogger("harness").setLevel(logging.INFO)
        module, _, self._name = target.partition(":")
        self._missing: Exception | None = None
        try:
            self._owner = importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  it is the answer to the first call
            self._missing = error

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line of the log; a process that was forked from this one has no way to do so."""
        if os.getpid() == self._pid:
            self._send({"log": record.getMessage()})

    def _receive(self) -> None:
        """Wait until something comes, and take in the calls that are whole."""
        self._calls.extend(map(json.loads, take_lines(self._received, os.read(self._requests, 1 << 16))))

    def _end_with_parent(self) -> None:
        """Wait for the end of the input. Python would first wait for the work that is going on, wanted by nobody."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the threads that wait for them
        ended = select.poll()
        ended.register(self._requests, select.POLLHUP)
        ended.poll()
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    def answer_in_turn(self) -> None:
        """Answer one call after the other, until the parent closes, or what was started answers side by side."""
        while not getattr(self._owner, "is_async", False):
            # What came meanwhile may take back what waits.
            while not self._calls or select.select([self._requests], [], [], 0)[0]:
                self._receive()
            if "close" in self._calls[0]:
                return
            call = self._calls.popleft()
            if "cancel" in call or any(other.get("cancel") == call["id"] for other in self._calls):
                continue
            try:
                self._send({"id": call["id"], "result": self._operation(call)})
            except Exception as error:  # noqa: BLE001  whatever a target's code raises must reach the parent
                self._send({"id": call["id"], "error": describe_error(error)})

    async def answer_side_by_side(self) -> None:
        """Answer all calls in one event loop, until the parent closes; then close what was started."""
        loop, came, tasks = asyncio.get_running_loop(), asyncio.Event(), dict[int, asyncio.Task[None]]()

        def receive() -> None:
            self._receive()
            came.set()

        loop.add_reader(self._requests, receive)
        while "close" not in (call := await self._next(came)):
            if "cancel" not in call:
                tasks[call["id"]] = task = loop.create_task(self._answer(call))
                task.add_done_callback(functools.partial(lambda number, _: tasks.pop(number), call["id"]))
            elif call["cancel"] in tasks:
                tasks[call["cancel"]].cancel()
        for task in tasks.values():
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks.values(), return_exceptions=True), _GRACE_S)
        closed = getattr(self._owner, "close", lambda: None)()
        if inspect.isawaitable(closed):
            await closed

    async def _next(self, came: asyncio.Event) -> dict[str, Any]:
        while not self._calls:
            came.clear()
            await came.wait()
        return self._calls.popleft()

    async def _answer(self, call: dict[str, Any]) -> None:
        try:
            result = self._operation(call)
            self._send({"id": call["id"], "result": await result if inspect.isawaitable(result) else result})
        except Exception as error:  # noqa: BLE001  whatever a target's code raises must reach the parent
            self._send({"id": call["id"], "error": describe_error(error)})

    def _operation(self, call: dict[str, Any]) -> Any:
        """Do what is asked; give its result, or its awaitable."""
        if self._missing is not None:
            raise self._missing
        if call["op"] == "start":
            self._owner = functools.reduce(getattr, self._name.split("."), self._owner)(**call["payload"])
            return getattr(self._owner, "ready", None)
        if call.get("progress"):
            call["payload"]["progress"] = lambda state: self._send({"id": call["id"], "progress": state})
        return getattr(self._owner, call["op"])(**call["payload"])

    def _send(self, message: dict[str, Any]) -> None:
        block = memoryview(encode_frame(message))
        with self._writing:
            while block:
                block = block[os.write(self._answers, block) :]


def describe_error(error: Exception) -> dict[str, Any]:
    """An error as its type, its message and what else it has, such as a remedy. Of one that is none of Steelyard's, the
    message begins with its own type, and the traceback is printed.
    """
    kind = next((each for each in type(error).__mro__ if each.__module__ == "harness.errors"), None)
    if kind is None:
        traceback.print_exception(error)
        return {"type": "EngineError", "message": f"{type(error).__name__}: {error}", "cause": None}
    more = {name: value for name, value in vars(error).items() if value is None or isinstance(value, str | int)}
    return {**more, "type": kind.__name__, "message": str(error)}


if __name__ == "__main__":
    main()
