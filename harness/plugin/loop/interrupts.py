"""Ctrl-C, SIGTERM as one Ctrl-C, and the deadline, while a run is open.

A terminal, a shell and a CI send several signals at once: they are one press, which ends the session with the report of
what was decided. Bodies run in the main thread, one at a time, so one that holds it (`time.sleep`, a request of another
library) keeps the loop from hearing anything: from a second after the press, or from the deadline, a thread sends the
main thread signals, for a blocking call of Python's own returns for one, and what its handler raises ends the body.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.gate.runs.run import Run

_SAME_PRESS_S = 1.0
"""Seconds in which further signals only repeat the first."""
_PATIENCE_S = 1.0
"""Seconds that a body may keep the loop from hearing a signal; then it is interrupted where it is."""
_AGAIN_S = 0.1
"""Seconds until the next body is interrupted after it, or the same one again if it goes on."""
_PLUMBING = ("asyncio", "aiohttp")
"""Packages whose coroutines the engines' requests run in, as well as a body's own."""
_USUAL_HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The signals that are heard, each with the handler that it has where nobody else has taken it."""


class GivenUp(BaseException):
    """Raised in a body that holds the thread past the deadline; no `except Exception` of the body keeps it."""


class Interrupted(KeyboardInterrupt):
    """Ends a session whose gate was at work: pytest shows the message, and no place, which says nothing here."""

    __module__ = "builtins"

    def __str__(self) -> str:
        return f"{self.args[0]}; every answer that arrived is kept, run again to go on from there"


class Interrupts:
    """Hears SIGINT and SIGTERM. A coroutine that is run here is cancelled by the first; else `KeyboardInterrupt` is
    raised.

    A later press ends the wait that it finds. A signal that another plugin handles, or that the process ignores, stays
    as it is; where none is heard, a body that holds the thread is waited for.
    """

    def __init__(self) -> None:
        self.interrupted_by: str | None = None
        """The signal that was heard last."""
        self.raises: type[KeyboardInterrupt] = KeyboardInterrupt
        """For a signal that comes while nothing is run here."""
        self._run: Run | None = None
        self._kept: dict[signal.Signals, Any] = {}
        self._task: asyncio.Task[Any] | None = None
        self._is_running = self._is_deaf = False
        self._heard_s = float("-inf")
        self._signal_name: str | None = None
        self._nudges: threading.Thread | None = None
        self._is_over = threading.Event()
        self._nudged_by: signal.Signals | None = None

    def listen(self) -> None:
        """Begin to hear; outside the main thread, where Python hands no signal to, nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, usual in _USUAL_HANDLERS.items():
            if number not in self._kept and signal.getsignal(number) is usual:
                self._kept[number] = signal.signal(number, self._hear)

    def leave(self) -> None:
        """Give the signals back to those who had them."""
        self._is_over.set()
        if self._nudges is not None:
            self._nudges.join()
        for number, handler in self._kept.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, handler)
        self._kept.clear()

    def attend(self, run: Run | None) -> None:
        """Let no body of a run go on after a signal or its deadline; None attends to none any more."""
        self._run = run
        if run is not None and run.feeder.left_s is not None:
            self._nudge_after(max(0.0, run.feeder.left_s))

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """With all of them unheard, so that whoever interrupts twice still gets the report of what is there."""
        self._is_deaf = True
        try:
            yield
        finally:
            self._is_deaf = False

    def run(self, runner: asyncio.Runner, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine, which the first signal cancels.

        Raises:
            Interrupted: it was interrupted.
        """
        self._signal_name = None
        self._is_running = True
        try:
            result = _completed(runner.get_loop(), self._watched(work))
        except asyncio.CancelledError:
            if self._signal_name is None:
                raise
        finally:
            self._is_running = False
            self._task = None
        heard: str | None = self._signal_name  # which a signal has set meanwhile
        if heard is not None:
            raise Interrupted(heard)
        return result

    async def _watched(self, work: Coroutine[Any, Any, Any]) -> Any:
        self._task = asyncio.current_task()
        return await work

    def _hear(self, number: int, frame: FrameType | None) -> None:
        __tracebackhide__ = True
        if number == self._nudged_by:
            self._nudged_by = None
            self._end_bodies(frame)
            return
        now = time.monotonic()
        if self._is_deaf or now - self._heard_s < _SAME_PRESS_S:
            return
        self._heard_s = now
        self.interrupted_by = self._signal_name = heard = signal.Signals(
            number
        ).name  # also should a body keep what is raised
        if self._run is not None:
            self._run.feeder.halt()
            self._nudge_after(_PATIENCE_S)
        task, self._task = self._task, None
        if task is None or task.done():
            raise self.raises(heard)
        task.cancel()
        task.get_loop().call_soon_threadsafe(lambda: None)  # which wakes it

    def _nudge_after(self, seconds: float) -> None:
        """From then on, end whatever body holds the thread, again and again."""
        self._is_over.set()
        self._is_over = threading.Event()
        self._nudges = threading.Thread(target=self._nudge, args=(seconds, self._is_over), daemon=True)
        self._nudges.start()

    def _nudge(self, wait_s: float, is_over: threading.Event) -> None:
        while not is_over.wait(wait_s):
            heard = [number for number in self._kept if signal.getsignal(number) == self._hear]
            # One at a time: a second that came before the first is heard would pass for a press.
            if heard and self._is_running and self._nudged_by is None:
                self._nudged_by = heard[0]
                if hasattr(signal, "pthread_kill"):
                    signal.pthread_kill(threading.main_thread().ident or 0, heard[0])
                else:
                    signal.raise_signal(heard[0])
            wait_s = _AGAIN_S

    def _end_bodies(self, frame: FrameType | None) -> None:
        """End the body that holds the thread, if one does; at the deadline, cancel all that wait."""
        __tracebackhide__ = True
        if self._is_deaf or not self._is_running or self._run is None:
            return
        if self.interrupted_by is None:
            self._run.feeder.give_up()
        if _is_of_body(frame):
            heard = self.interrupted_by
            raise GivenUp("the deadline has passed") if heard is None else KeyboardInterrupt(heard)


def _completed(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end; the loop may stop for the one before, which a body's own task interrupted."""
    task = loop.create_task(work)
    while True:
        try:
            return loop.run_until_complete(task)
        except RuntimeError:
            if task.done():
                raise


def _is_of_body(frame: FrameType | None) -> bool:
    """Tell whether a body, or a task that one made, called what runs: not the loop or the gate itself."""
    from harness.requests.bridge import call_body, is_in_body

    caller = "harness"
    while frame is not None and frame.f_code is not _completed.__code__:
        if frame.f_code is call_body.__code__:
            return True
        if frame.f_code.co_flags & inspect.CO_COROUTINE:  # callbacks are nobody's, such as those of a connection
            package = str(frame.f_globals.get("__name__", "harness")).partition(".")[0]
            caller = caller if package in _PLUMBING else package
        frame = frame.f_back
    return is_in_body() or caller != "harness"
