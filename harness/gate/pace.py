"""How far ahead of its decision an evaluation is sampled, and when it is looked at."""

from __future__ import annotations

import asyncio

from harness.gate.collector import Collector

_STEPS_AHEAD = 32
_SHARE_AHEAD = 4
_SHARE_BETWEEN_LOOKS = 25


class Pace:
    """Lets a sequential design run ahead of what is complete, but not so far that stopping saves nothing.

    Args:
        collector: of the evaluation.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._moved = asyncio.Event()
        self._next_look = 1
        self._stopped = False

    async def wait_for(self, step: int) -> None:
        """Wait until a step may start: up to 32 beyond those that are complete, or a quarter of them if more."""
        while self._collector.order.interleaved and not self.is_over():
            complete = self._collector.complete
            if step - complete < max(_STEPS_AHEAD, complete // _SHARE_AHEAD):
                return
            self._moved.clear()
            await self._moved.wait()

    def is_due(self) -> bool:
        """Whether enough steps were completed since the last look for another one."""
        complete = self._collector.complete
        if complete < self._next_look:
            return False
        self._next_look = complete + 1 + complete // _SHARE_BETWEEN_LOOKS
        return True

    def go_on(self) -> None:
        """Something came to its end."""
        self._moved.set()

    def stop(self) -> None:
        """No further step starts."""
        self._stopped = True

    def is_over(self) -> bool:
        """Whether no further step is to start: the evaluation is decided, or can't be."""
        return self._stopped or self._collector.is_hopeless or self._collector.is_stopped
