"""Ctrl-C, SIGTERM as one Ctrl-C, and the deadline, while a run is open.

Bodies run in the main thread, one at a time, so one that holds it (`time.sleep`, a request of another library) keeps
the loop from hearing anything. A signal is what reaches it: Python runs the handler between two instructions of the
body, a blocking call of Python's own returns for it, and what the handler raises ends the body.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

import pytest

from harness.plugin.pytest_internals import replace_place_of_interruption

_SAME_PRESS_S = 1.0
"""Seconds in which further signals only repeat the first: a key that was hit twice, a shell and a CI at once."""
_PATIENCE_S = 1.0
"""Seconds that a body may keep the loop from hearing a signal; then it is interrupted where it is."""
_AGAIN_S = 0.1
"""Seconds until the next body is interrupted after it, or the same one again if it goes on."""
_TAKEN = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The signals that are heard, each with the handler that it has where nobody else has taken it."""


class GivenUp(BaseException):
    """Raised in a body that holds the thread past the deadline; no `except Exception` of the body keeps it."""


class Stoppable(Protocol):
    """A run that can be stopped when its time is over."""

    @property
    def left_s(self) -> float | None:
        """Seconds until no body is waited for any more; None where there is no deadline."""

    def halt(self) -> None:
        """Let no body go on, because the run is interrupted."""

    def give_up(self) -> None:
        """Cancel all bodies, because the deadline has passed."""


class Interrupts:
    """Hears SIGINT and SIGTERM. A task that is watched is cancelled by the first; else `KeyboardInterrupt` is raised.

    Signals that follow at once count as the same one. A later one ends the wait that it finds. A signal that another
    plugin handles, or that the process ignores, stays as it is.

    No body goes on after the first. One that holds the thread is interrupted where it is: some seconds after the
    signal, or once the deadline has passed. For that, a thread sends a signal to the main thread; without one that is
    heard here, such a body is waited for.

    Args:
        clock: seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._run: Stoppable | None = None
        self._is_running = False
        self.interrupted_by: str | None = None
        """The signal that was heard last."""
        self.raised: KeyboardInterrupt | None = None
        """The interrupt that was raised while nothing but the gate was at work; None where none was."""
        self._nudges: _Nudges | None = None
        self._nudged_by: signal.Signals | None = None
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
        if self._nudges is not None:
            self._nudges.stop()
            self._nudges.join()
        for number, handler in self._kept.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, self._rest_of_the_press(handler) if callable(handler) else handler)
        self._kept.clear()

    def _rest_of_the_press(self, handler: Callable[[int, FrameType | None], Any]) -> Callable[..., Any]:
        """The handler; it is not called for signals that belong to the press which ended the run."""
        until_s = self._heard_s + _SAME_PRESS_S
        if self._clock() >= until_s:
            return handler

        def hear(number: int, frame: FrameType | None) -> None:
            if self._clock() >= until_s:
                signal.signal(number, handler)
                handler(number, frame)

        return hear

    def attend(self, run: Stoppable | None) -> None:
        """Let no body of a run go on after a signal or its deadline; None attends to none any more."""
        self._run = run
        if run is not None and run.left_s is not None:
            self._nudge_after(max(0.0, run.left_s))

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
        __tracebackhide__ = True
        self._told = None
        self._is_running = True
        try:
            result = _completed(runner.get_loop(), self._watched(work))
        except asyncio.CancelledError:
            if self._told is None:
                raise
        finally:
            self._is_running = False
            self._task = None
        told: str | None = self._told  # which a signal has set meanwhile
        if told is not None:
            self.raised = KeyboardInterrupt(told)
            raise self.raised
        return result

    async def _watched(self, work: Any) -> Any:
        self._task = asyncio.current_task()
        return await work

    def _hear(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        if number == self._nudged_by:
            self._nudged_by = None
            self._end_bodies(frame)
            return
        now = self._clock()
        if self._is_deaf or now - self._heard_s < _SAME_PRESS_S:
            return
        self._heard_s = now
        self.interrupted_by = told = signal.Signals(number).name
        if self._run is not None:
            self._run.halt()
            self._nudge_after(_PATIENCE_S)
        self._told = told  # for `run`, should a body keep what is raised here to itself
        task, self._task = self._task, None
        if task is None or task.done():
            raise KeyboardInterrupt(told)
        task.cancel()
        task.get_loop().call_soon_threadsafe(lambda: None)  # which wakes it

    # -- bodies that hold the thread --------------------------------------------------------------------------------

    def _nudge_after(self, seconds: float) -> None:
        """From then on, end whatever body holds the thread."""
        if self._nudges is not None:
            self._nudges.stop()
        heard = [number for number in self._kept if signal.getsignal(number) == self._hear]
        if heard:
            self._nudges = _Nudges(seconds, lambda: self._nudge(heard[0]))
            self._nudges.start()

    def _nudge(self, number: signal.Signals) -> None:
        if self._is_running and signal.getsignal(number) == self._hear:
            self._nudged_by = number
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    def _end_bodies(self, frame: FrameType | None) -> None:
        """End the body that holds the thread, if one does; at the deadline, cancel all that wait."""
        __tracebackhide__ = True
        if self._is_deaf or not self._is_running or self._run is None:
            return
        if self.interrupted_by is None:
            self._run.give_up()
        if not _is_of_body(frame):
            return
        if self.interrupted_by is None:
            raise GivenUp("the deadline has passed")
        raise KeyboardInterrupt(self.interrupted_by)


def _completed(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end; the loop may stop for the one before, which a body's own task interrupted."""
    __tracebackhide__ = True
    task = loop.create_task(work)
    while True:
        try:
            return loop.run_until_complete(task)
        except RuntimeError:
            if task.done():
                raise


class _Nudges(threading.Thread):
    """Calls a function after some time, and from then on again and again, however busy the loop is."""

    def __init__(self, after_s: float, call: Callable[[], None]) -> None:
        super().__init__(name="steelyard-nudges", daemon=True)
        self._after_s = after_s
        self._call = call
        self._is_over = threading.Event()

    def run(self) -> None:
        """Call until it is stopped."""
        wait_s = self._after_s
        while not self._is_over.wait(wait_s):
            self._call()
            wait_s = _AGAIN_S

    def stop(self) -> None:
        """Call no more."""
        self._is_over.set()


def _is_of_body(frame: FrameType | None) -> bool:
    """Tell whether a body, or a task that one made, called what runs: not the loop or the gate itself."""
    from harness.requests.bridge import call_body, is_in_body

    if is_in_body():
        return True
    package = ""
    while frame is not None and frame.f_code is not _completed.__code__:
        if frame.f_code is call_body.__code__:
            return True
        own = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        package = package if own in _OF_THE_LOOP else own
        frame = frame.f_back
    return package not in ("", "harness")


_OF_THE_LOOP = ("asyncio", "selectors")


_KEPT = "steelyard: every answer that arrived is kept, run again to go on from there"
"""The line for an interruption that pytest would show with a place."""


class InterruptHooks:
    """Ends a session that is interrupted while it ends with a line, where pytest would show a traceback."""

    NAME = "steelyard-interrupts"

    def __init__(self, config: pytest.Config, interrupts: Interrupts) -> None:
        self._config = config
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
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Called when a session is interrupted: where no code of the user's was, a line stands for the place."""
        from harness.gate.evaluations.exceptions import raised_at

        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        is_of_gate = excinfo.value is self._interrupts.raised or not raised_at(excinfo.value)
        if self._interrupts.interrupted_by is not None and is_of_gate:
            replace_place_of_interruption(reporter, _KEPT)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Called last: gives the signals back."""
        self._interrupts.leave()
