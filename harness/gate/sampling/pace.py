"""How far ahead of its decision an evaluation is sampled, and when it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.gate.sampling.collector import Collector

_MOST_STEPS_AHEAD = 32
_FEWEST_STEPS_AHEAD = 8
_SHARE_AHEAD = 4
_FIRST_STEPS = 2
_SHARE_BETWEEN_LOOKS = 25


class Pace:
    """Lets a sequential design run ahead of what is complete, but not so far that stopping saves nothing.

    Args:
        collector: of the evaluation.
        room: how many steps of an evaluation would fill the window of requests at the moment.
        is_frugal: whether what is begun and not completed is spent for nothing, because the run has a budget.
    """

    def __init__(self, collector: Collector, room: Callable[[], int], *, is_frugal: bool = False) -> None:
        self._is_frugal = is_frugal
        self._collector = collector
        self._room = room
        self._moved = asyncio.Event()
        self._next_look = 1
        self._stopped = False

    async def wait_for(self, step: int) -> None:
        """Wait until a step may start: 8 to 32 beyond those that are complete, as there is room, or a quarter of them
        if that is more. The batches of a single case come one by one: there are other cases to fill the window. Under a
        budget no more are begun than are complete, and 2 at first.
        """
        while self._collector.order.interleaved and not self.is_over():
            complete = self._collector.complete
            ahead = max(_FEWEST_STEPS_AHEAD, min(_MOST_STEPS_AHEAD, self._room()), complete // _SHARE_AHEAD)
            if self._is_frugal:
                ahead = min(ahead, max(_FIRST_STEPS, complete))
            if step - complete < (1 if self._collector.evaluation.plan.per == "case" else ahead):
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
        """Whether no further step is to start: the evaluation is decided, or can't be, or nothing more is drawn."""
        collector = self._collector
        return self._stopped or collector.is_hopeless or collector.is_stopped or collector.cut_at is not None
