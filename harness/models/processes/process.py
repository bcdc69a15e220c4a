"""A child process that answers requests over pipes, seen from an asyncio loop."""

from __future__ import annotations

import asyncio
import codecs
import collections
import contextlib
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import child_environment
from harness.errors import EngineError, SettingsError
from harness.models.processes.ends import how_it_ended
from harness.models.processes.frames import encode_frame, receive_frame

_log = logging.getLogger(__name__)
_LAST_LINES = 20
_LONGEST_LINE = 1_000
_LINE_BYTES = 1 << 20
_READ_BYTES = 1 << 16
_GRACE_S = 5.0
_LOOK_S = 0.02
_LAST_WORDS_S = 1.0


class ChildProcess:
    """Starts a module of Steelyard, or a command that keeps its protocol, in a process of its own and passes requests
    to it.

    The process is a session of its own, so that Ctrl-C in the terminal reaches the parent alone, and it ends when its
    standard input closes, which also happens when the parent is killed.

    Args:
        name: in messages.
        module: of Steelyard, or the command.
        told: called with what it tells of its work; else that is logged.
        folder: that it works in; None for that of this process.
    """

    def __init__(
        self,
        name: str,
        module: str | Sequence[str],
        told: Callable[[str], None] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._name = name
        self._command = (sys.executable, "-P", "-m", module) if isinstance(module, str) else tuple(module)
        self._told = told or self._log
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count()
        self._lines: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._n_printed = 0
        self._unended = ""
        self._failure: SettingsError | EngineError | None = None
        self._ready: asyncio.Future[dict[str, Any]] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, or None before the start."""
        return self._process.pid if self._process else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or could not start."""
        return self._failure is not None

    @property
    def last_lines(self) -> str:
        """The last lines that it printed, indented; "" where it printed nothing."""
        unended = [self._unended.rstrip()[:_LONGEST_LINE]] if self._unended.strip() else []
        return "".join(f"\n  {line}" for line in [*self._lines, *unended])

    @property
    def why_silent(self) -> str:
        """The reason why it may not answer, where it can be guessed; else ""."""
        return ""

    async def start(self, message: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
        """Start the process, hand it its first message, and give what it says of itself once it is ready."""
        await self._spawn(environment)
        assert self._ready is not None
        self._write(message)
        return await self._ready

    async def _spawn(self, environment: Mapping[str, str]) -> None:
        place = {} if self._folder is None else {"PWD": str(self._folder)}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env=child_environment({**place, **environment}),
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        self._ready = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._read_answers()), asyncio.create_task(self._read_lines())]

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises EngineError: the process ended, now or earlier."""
        if self._failure:
            raise _again(self._failure)
        if self._process is None:
            raise EngineError(f"{self._name} was asked before it was started or after it was closed.")
        request_id = next(self._ids)
        future = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        self._write({"id": request_id, **message})
        try:
            answer: dict[str, Any] = await future
            return answer
        except asyncio.CancelledError:
            if not self._failure:
                self._give_up(request_id)
            raise
        finally:
            self._pending.pop(request_id, None)

    async def close(self) -> None:
        """End the process: kindly, and after some seconds, or when this is cancelled, by force."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._failure is None:
            self._failure = EngineError(f"{self._name} was closed.")
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait(self._tasks, timeout=_GRACE_S)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self, error: EngineError) -> None:
        """End the process by force; all that waits for it ends with this error."""
        self._failure = self._failure or error
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _give_up(self, request_id: int) -> None:
        self._write({"cancel": request_id})

    def _write(self, message: dict[str, Any]) -> None:
        """Hand the message to the pipe. Requests are small; the window of the sampler bounds how many wait."""
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(self._encoded(message))

    def _encoded(self, message: dict[str, Any]) -> bytes:
        return encode_frame(message)

    async def _receive(self, stream: asyncio.StreamReader) -> dict[str, Any] | None:
        return await receive_frame(stream)

    def _take(self, message: dict[str, Any]) -> None:
        """Take a message of the process in."""
        assert self._ready is not None
        if "log" in message:
            self._told(message["log"])
        elif "ready" in message:
            self._ready.set_result(message["ready"])
        elif "failed" in message:
            kind = SettingsError if message.get("settings") else EngineError
            self._failure = kind(f"{self._name} could not start: {message['failed']}")
        elif (future := self._pending.get(message["id"])) and not future.done():
            future.set_result(message)

    async def _read_answers(self) -> None:
        process = self._process
        assert process is not None
        assert self._ready is not None
        reading = asyncio.create_task(self._take_all(process))
        code = await self._exit(process, reading)
        failure = self._failure or EngineError(f"{self._name}: {self._how_it_ended(code)}")
        self._failure = failure
        for future in (self._ready, *self._pending.values()):
            if not future.done():
                future.set_exception(_again(failure))

    async def _take_all(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while (message := await self._receive(process.stdout)) is not None:
                self._take(message)
        except (LookupError, TypeError, ValueError, asyncio.InvalidStateError) as error:  # the last: ready twice
            self.kill(EngineError(f"{self._name} was ended: something else wrote where its answers come: {error!r}."))

    async def _exit(self, process: asyncio.subprocess.Process, reading: asyncio.Task[None]) -> int:
        """Its exit code, and the end of what it started: that may hold its pipes, whose end nobody would see then.

        It looks at the code again and again, as `wait` of asyncio returns only once the pipes have ended, too.
        """
        while process.returncode is None:
            await asyncio.sleep(_LOOK_S)
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.wait([reading, self._tasks[1]], timeout=_LAST_WORDS_S)
        vars(process)["_transport"].close()  # of what began a session of its own the pipes are still open
        await reading
        return process.returncode

    def _log(self, text: str) -> None:
        _log.info("%s: %s", self._name, text)

    async def _read_lines(self) -> None:
        assert self._process is not None
        stream = self._process.stderr
        assert stream is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while block := await stream.read(_READ_BYTES):
            *lines, last = (self._unended + decoder.decode(block)).splitlines(keepends=True) or [""]
            ended = last.splitlines() != [last]
            for line in [*lines, last] if ended else lines:
                self._printed(line.rstrip("\r\n"))
            self._unended = "" if ended else last[:_READ_BYTES]
        unended, self._unended = self._unended, ""
        self._printed(unended)

    @property
    def printed_lines(self) -> int:
        """Lines that it has printed so far, with the one that has no end yet."""
        return self._n_printed + bool(self._unended.strip())

    def _printed(self, line: str) -> None:
        if line.strip():
            self._n_printed += 1
            self._lines.append(line.rstrip()[:_LONGEST_LINE])
            _log.debug("%s: %s", self._name, line)

    def _how_it_ended(self, code: int) -> str:
        last = self.last_lines
        return f"its process {how_it_ended(code)}.{' Its last lines:' + last if last else ''}"


def _again(failure: SettingsError | EngineError) -> SettingsError | EngineError:
    """The failure as an exception of its own for each request, so that tracebacks do not pile up."""
    return type(failure)(str(failure))
