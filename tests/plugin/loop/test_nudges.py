"""Which code a signal after the press ends: a body's and that of its tasks, and no callback of the loop."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading

from harness.plugin.loop.interrupts import Interrupts, _completed, _is_of_body


class OneRound(threading.Event):
    """Is set after it was waited for once."""

    def wait(self, timeout: float | None = None) -> bool:
        was_set = self.is_set()
        self.set()
        return was_set


def found(of_task: bool) -> bool:
    """What is said of this module's code, as a task or as a callback."""
    said: list[bool] = []

    def look() -> None:
        said.append(_is_of_body(sys._getframe()))

    async def task() -> None:
        look()

    async def work() -> None:
        if of_task:
            await task()
        else:
            asyncio.get_running_loop().call_soon(look)
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    try:
        _completed(loop, work())
    finally:
        loop.close()
    return said[0]


def test_a_task_of_a_body_is_its_code_and_a_callback_is_nobodys() -> None:
    assert found(of_task=True)
    assert not found(of_task=False)


def test_a_nudge_is_not_sent_again_before_it_is_heard() -> None:
    """A second one would pass for another press."""
    nudged = Interrupts()
    nudged.listen()
    try:
        nudged._is_running, nudged._nudged_by = True, signal.SIGINT
        nudged._nudge(0.0, OneRound())
        nudged._hear(signal.SIGINT, None)  # of the one that is under way
        assert (nudged.interrupted_by, nudged._nudged_by) == (None, None)
    finally:
        nudged._is_running = False
        nudged.leave()
