"""Ctrl-C, and SIGTERM as one Ctrl-C, while a run is open."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

_SAME_PRESS_S = 1.0
"""Signals that follow the first one so soon say the same again: a key that was hit twice, a shell and a CI at once."""
_PATIENCE_S = 2.0
"""How long a body may keep the loop from hearing a signal; it is interrupted where it is then."""
_TAKEN = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The signals that are heard, each with the handler that it has where nobody else has taken it."""


class Interrupts:
    """Hears SIGINT and SIGTERM. A task that is watched is cancelled by the first; else `KeyboardInterrupt` is raised.

    Signals that follow at once count as the same one. A later one ends the wait that it finds. A signal that another
    plugin handles, or that the process ignores, stays as it is.
    """

    def __init__(self) -> None:
        self._kept: dict[signal.Signals, Any] = {}
        self._task: asyncio.Task[Any] | None = None
        self._is_deaf = False
        self._heard_s = float("-inf")
        self._told: str | None = None

    def listen(self) -> None:
        """Begin to hear; outside the main thread, where Python hands no signal to, nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, usual in _TAKEN.items():
            if number not in self._kept and signal.getsignal(number) is usual:
                self._kept[number] = signal.signal(number, self._hear)

    def leave(self) -> None:
        """Give the signals back to those who had them."""
        for number, handler in self._kept.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, handler)
        self._kept.clear()

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """With all of them unheard, so that whoever interrupts twice still gets the report of what is there."""
        self._is_deaf = True
        try:
            yield
        finally:
            self._is_deaf = False

    def run(self, runner: asyncio.Runner, work: Any) -> Any:
        """Run a coroutine, which the first signal cancels.

        Raises:
            KeyboardInterrupt: it was interrupted.
        """
        self._told = None
        try:
            result = runner.run(self._watched(work))
        except asyncio.CancelledError:
            if self._told is None:
                raise
        finally:
            self._task = None
        if self._told is not None:
            raise KeyboardInterrupt(self._told)
        return result

    async def _watched(self, work: Any) -> Any:
        self._task = asyncio.current_task()
        return await work

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  as Python calls it
        now = time.monotonic()
        if self._is_deaf or now - self._heard_s < _SAME_PRESS_S:
            return
        self._heard_s = now
        told = signal.Signals(number).name
        task, self._task = self._task, None
        if task is None or task.done():
            raise KeyboardInterrupt(told)
        self._told = told
        task.cancel()
        task.get_loop().call_soon_threadsafe(lambda: None)  # which wakes it
        _Reminder(number, task).start()


class _Reminder(threading.Thread):
    """Sends a signal once more where a task has not heard it: a body holds the loop."""

    def __init__(self, number: int, task: asyncio.Task[Any]) -> None:
        super().__init__(name="steelyard-reminder", daemon=True)
        self._number = number
        self._task = task

    def run(self) -> None:
        """Wait for the task to end, for some seconds."""
        until = time.monotonic() + _PATIENCE_S
        while not self._task.done():
            if time.monotonic() > until:
                signal.pthread_kill(threading.main_thread().ident or 0, self._number)
                return
            time.sleep(0.05)


class InterruptHooks:
    """Ends a session that is interrupted while it ends with a line, where pytest would show a traceback."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Called once at the end: keeps an interruption of the end to itself."""
        try:
            return (yield)
        except KeyboardInterrupt:
            reporter = session.config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                reporter.ensure_newline()
                reporter.write_line(
                    "steelyard: interrupted again while the session ended: what was left to do then was not done, and "
                    "what is sampled is stored."
                )
            session.exitstatus = pytest.ExitCode.INTERRUPTED

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Called last: gives the signals back."""
        self._interrupts.leave()
