"""A process of its own that answers calls, seen from an event loop, and by callers that wait."""

from __future__ import annotations

import asyncio
import builtins
import collections
import contextlib
import copy
import functools
import itertools
import json
import logging
import os
import queue
import re
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, cast

from harness import errors
from harness.config import child_environment
from harness.config.environment import shared_threads
from harness.errors import EngineError, SettingsError, SteelyardError
from harness.models.processes.child import encode_frame, take_lines

_log = logging.getLogger(__name__)
_LAST_LINES = 20
_LONGEST_LINE = 1_000
_LONGEST_UNENDED = 1 << 16
_LAST_WORDS_S = 1.0
_KEPT = 1000
"""Results that are kept, as they came: those to 2,048 tokens have some 100 kB each."""

Progress = Callable[[dict[str, Any]], None]
"""Called with what a worker says of how far it is."""
UNCHANGED: Mapping[str, str] = MappingProxyType({})
"""The environment of a process that has that of this one."""


class Worker(asyncio.SubprocessProtocol):
    """A process, and the calls that it has not answered yet. Made by `spawn`.

    It is a session of its own, so that Ctrl-C in the terminal reaches the parent alone.

    Attributes:
        name: in messages.
        ready: what it says of itself.
        why_silent: the reason why it may not answer, where it can be guessed, and what to do.
    """

    ready: Any = None
    why_silent = ""

    def __init__(self, name: str, log: Path | None = None) -> None:
        self.name, self._log = name, log
        self.pid = 0
        self._transport = cast("asyncio.SubprocessTransport", None)
        self._pending: dict[int, tuple[asyncio.Future[Any], Progress | None]] = {}
        self._ids = itertools.count()
        self._received = bytearray()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure: SteelyardError | None = None
        self._lines: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._n_printed = 0
        self._unended = b""

    @classmethod
    async def spawn(
        cls,
        target: str | Sequence[str],
        env: Mapping[str, str] = UNCHANGED,
        *,
        name: str,
        start: Mapping[str, Any] | None = None,
        folder: Path | None = None,
        log: Path | None = None,
    ) -> Self:
        """Start a process.

        Args:
            target: as `harness.models.processes.child.main` has it; or a command that keeps its protocol.
            env: variables that it has otherwise than this process.
            start: what the target is made of; None where it is a module, or need not say that it is ready.
            folder: that it works in; None for that of this process.
            log: a file that what it prints is added to; else the last lines are kept.

        Raises:
            SteelyardError: as making the target raised it, with the worker's name.
            EngineError: the command can't be run, or the process has ended.
        """
        if not hasattr(os, "killpg"):
            raise EngineError(f"{name} needs a process group, which {sys.platform} has not: take Linux (WSL) or macOS.")
        worker = cls(name, log)
        own = (sys.executable, "-P", "-m", "harness.models.processes.child")
        command = [*own, target] if isinstance(target, str) else target
        place = {} if folder is None else {"PWD": str(folder)}
        settings: dict[str, Any] = {"env": child_environment({**place, **env}), "start_new_session": True}
        with contextlib.nullcontext(asyncio.subprocess.PIPE) if log is None else log.open("ab") as printed:
            try:
                await asyncio.get_running_loop().subprocess_exec(
                    lambda: worker, *command, stderr=printed, cwd=folder, **settings
                )
            except OSError as error:
                raise EngineError(f"{name} could not start: {command[0]}: {error.strerror}.") from None
        if start is not None:
            await worker.start(start)
        return worker

    async def start(self, payload: Mapping[str, Any]) -> None:
        """Have the target made. Where that fails, or is cancelled, the process is ended. Raises as `spawn` does."""
        try:
            self.ready = await self.call("start", payload)
        except BaseException as error:
            if isinstance(error, SteelyardError) and not self.is_over:
                error.args = (f"{self.name} could not start: {error}",)
            await self.close()
            raise

    async def call(self, op: str, payload: Mapping[str, Any], progress: Progress | None = None) -> Any:
        """Ask for an operation, which may tell of its progress, and give its result.

        Raises:
            SteelyardError: as the operation raised it; what it raised beside them is an `EngineError`, as is that the
                process has ended.
        """
        if self._failure is not None:
            raise copy.copy(self._failure)
        number, future = next(self._ids), asyncio.get_running_loop().create_future()
        self._pending[number] = future, progress
        self._write({"id": number, "op": op, "payload": dict(payload), "progress": progress is not None})
        try:
            return await future
        except asyncio.CancelledError:
            self._write({"cancel": number})
            raise
        finally:
            self._pending.pop(number, None)

    async def close(self, grace_s: float = 0.0) -> None:
        """End the process with all that it started: kindly where it is given time, and then, or when this is cancelled,
        by force.
        """
        self._failure = self._failure or EngineError(f"{self.name} was closed.")
        try:
            if grace_s and not self._over.done():
                self._write({"close": True})
                await asyncio.wait([self._over], timeout=grace_s)
        finally:
            self.kill(self._failure)
        await asyncio.shield(self._over)

    def kill(self, error: SteelyardError) -> None:
        """End the process with all that it started; calls that wait, and those to come, raise this error."""
        self._failure = self._failure or error
        if self._transport.get_returncode() is None:
            _kill_tree(self.pid)

    @property
    def is_over(self) -> bool:
        """True where it has ended, or is about to."""
        return self._failure is not None

    @property
    def last_lines(self) -> str:
        """The last lines that it printed, indented; "" where it printed nothing."""
        lines = [*self._lines, _shown(self._unended)]
        if self._log is not None and self._log.exists():
            lines = self._log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        return "".join(f"\n  {line}" for line in lines if line)

    @property
    def printed_lines(self) -> int:
        """Lines that it has printed so far, with the one that has no end yet."""
        return self._n_printed + bool(self._unended.strip())

    @property
    def _input(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))

    def _write(self, message: dict[str, Any]) -> None:
        """Hand it to the pipe. Requests are small; the window of the sampler bounds how many wait."""
        if not self._over.done() and not self._input.is_closing():
            self._input.write(encode_frame(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid() or 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take in what it answers or prints."""
        if fd == 2:
            *lines, unended = re.split(rb"[\r\n]+", self._unended + data)
            self._note_lines(*lines)
            self._unended = unended[:_LONGEST_UNENDED]
            return
        for line in take_lines(self._received, data):
            self._read(line)

    def _read(self, line: bytes) -> None:
        """Take in a line of its answers."""
        try:
            message = json.loads(line)
            if "log" in message:
                _log.info("%s: %s", self.name, message["log"])
                return
            future, progress = self._pending.get(message["id"], (None, None))
            if "progress" in message and progress is not None:
                progress(message["progress"])
            elif future is not None and not future.done():
                if "error" in message:
                    future.set_exception(_raised(**message["error"]))
                else:
                    future.set_result(message["result"])
        except (LookupError, TypeError, ValueError) as error:
            self.kill(EngineError(f"{self.name} was ended: something else wrote where its answers come: {error!r}."))

    def _note_lines(self, *lines: bytes) -> None:
        for line in filter(None, map(_shown, lines)):
            self._n_printed += 1
            self._lines.append(line)
            _log.debug("%s: %s", self.name, line)

    def process_exited(self) -> None:
        """End what it started, which may hold its pipes, and wait a moment for its last words."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        if not self._input.is_closing():
            self._input.abort()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's
        """End the calls that wait: it has ended, and all that it wrote was read."""
        self._note_lines(self._unended)
        self._unended = b""
        code = self._transport.get_returncode()
        self._transport.close()
        where = "Its last lines" if self._log is None else f"The end of its log, {self._log}"
        last = f" {where}:{self.last_lines}" if self.last_lines else ""
        self._failure = self._failure or EngineError(f"{self.name}: its process {how_it_ended(code or 0)}.{last}")
        self._fail(self._failure)
        self._over.set_result(None)

    def _fail(self, error: SteelyardError) -> None:
        """End the calls that wait."""
        for future, _ in self._pending.values():
            if not future.done():
                future.set_exception(copy.copy(error))


class WaitingWorker:
    """A worker for callers that wait, in whatever thread they are. The first call starts it.

    Args:
        target, start, name, env, folder, log: as of `Worker.spawn`; without `env` it computes beside others.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        start: Mapping[str, Any] | None = None,
        *,
        name: str,
        env: Mapping[str, str] | None = None,
        **places: Path | None,
    ) -> None:
        self.name = name
        env = _beside_others() if env is None else env
        self._spawn = functools.partial(Worker.spawn, target, env, name=name, start=start, **places)
        self._started: asyncio.Task[Worker] | None = None
        self._asked = functools.lru_cache(_KEPT)(lambda op, payload: json.dumps(self.call(op, json.loads(payload))))
        self._asking = threading.Lock()
        self._is_closed = False
        self._owner = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Its id; None where it has not started."""
        task = self._started
        is_begun = task is not None and task.done() and not task.cancelled() and task.exception() is None
        return task.result().pid if task is not None and is_begun else None

    def begin(self, op: str) -> None:
        """Start the process before it is asked, with an operation for whose result nobody waits."""
        _in_background(self._call(op, UNCHANGED, None, None))

    def ask(self, op: str, **payload: Any) -> Any:
        """Give the result of an operation. What was asked before is not computed again: several evaluations ask the
        same of one text. Raises as `call` does.
        """
        with self._asking:
            return json.loads(self._asked(op, json.dumps(payload, sort_keys=True, default=os.fspath)))

    def call(
        self,
        op: str,
        payload: Mapping[str, Any] = UNCHANGED,
        progress: Progress | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Ask for an operation, wait for its result and give it.

        Args:
            progress: called in this thread; what it raises is raised.

        Raises:
            SteelyardError: as `Worker.call` raises it; a process that can't be started is a `SettingsError`.
            TimeoutError: it took longer.
        """
        states: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        future = _in_background(self._call(op, payload, states.put if progress else None, timeout_s))
        future.add_done_callback(lambda _: states.put(None))
        while progress and (state := states.get()) is not None:
            progress(state)
        try:
            return future.result()
        except CancelledError:
            raise EngineError(f"{self.name} was closed.") from None

    def close(self) -> None:
        """End the process; who waits for an answer, or asks later, is told. In a fork of its owner it does nothing."""
        if os.getpid() != self._owner:
            return
        closing = _in_background(self._close())
        if threading.current_thread() is not _background()[1]:  # which may collect this object
            closing.result()

    async def _call(
        self, op: str, payload: Mapping[str, Any], progress: Progress | None, timeout_s: float | None
    ) -> Any:
        if self._is_closed:
            raise EngineError(f"{self.name} was closed.")
        self._started = self._started or asyncio.ensure_future(self._start())
        async with asyncio.timeout(timeout_s):
            return await (await asyncio.shield(self._started)).call(op, payload, progress)

    async def _start(self) -> Worker:
        try:
            return await self._spawn()
        except BaseException as error:
            self._started = None  # the next call tries again
            if isinstance(error, EngineError):
                raise SettingsError(str(error)) from None
            raise

    async def _close(self) -> None:
        self._is_closed = True
        if self._started is not None:
            self._started.cancel()
            with contextlib.suppress(asyncio.CancelledError, SteelyardError):
                await (await self._started).close()


def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of what is done with workers, for a caller that waits."""
    return _in_background(work).result()


def _in_background(work: Coroutine[Any, Any, Any]) -> Future[Any]:
    return asyncio.run_coroutine_threadsafe(work, _background()[0])


_BEGINNING = threading.Lock()
"""Held while the event loop begins: two first callers would have two loops, and what one awaits of the other hangs."""


def _background() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    """The event loop of all workers whose callers wait, in a thread of its own, so that no signal interrupts how a
    process is started and put away.
    """
    with _BEGINNING:
        return _begun()


@functools.cache
def _begun() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    return loop, thread


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begun.cache_clear)


def _beside_others() -> dict[str, str]:
    """Variables of a process that computes beside others, with what lies on this machine."""
    fixed = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "VLLM_NO_USAGE_STATS": "1"}
    return {**fixed, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(shared_threads())}


def how_it_ended(code: int) -> str:
    """The end of a process, after its name.

    >>> how_it_ended(1), how_it_ended(-11)
    ('ended with exit code 1', 'was ended by signal 11 (SIGSEGV)')
    """
    if code == -signal.SIGKILL:
        return "was killed (signal 9); the system does that when memory runs out"
    return f"was ended by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip()
    return text[:_LONGEST_LINE] if text.strip() else ""


def _raised(type: str, message: str, **more: Any) -> SteelyardError:  # noqa: A002  as it comes
    kind: builtins.type[SteelyardError] = getattr(errors, type)
    error = kind.__new__(kind)
    error.args = (message,)
    vars(error).update(more)
    return error


def _kill_tree(pid: int) -> None:
    """Kill a process, its group and all that it started."""
    import psutil

    started = []
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(pid).children(recursive=True)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    for process in started:
        with contextlib.suppress(psutil.Error):
            process.kill()
