"""Evaluations that take turns, so that none is far ahead of the others when a budget ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Turns:
    """Lets each evaluation start a step once no other one has started fewer.

    Args:
        are_kept: False lets all go as they like.
    """

    def __init__(self, *, are_kept: bool) -> None:
        self._are_kept = are_kept
        self._taken: dict[object, int] = {}
        self._moved = asyncio.Event()

    def join(self, who: object) -> None:
        """Take part."""
        self._taken[who] = 0

    def leave(self, who: object) -> None:
        """Take no further turn."""
        del self._taken[who]
        self.go_on()

    async def take(self, who: object, is_over: Callable[[], bool]) -> None:
        """Wait for the next turn, or until it is not wanted any more."""
        if not self._are_kept:
            return
        if not self._taken[who]:  # all that were started with it join first
            await asyncio.sleep(0)
        while self._taken[who] > min(self._taken.values()) and not is_over():
            self._moved.clear()
            await self._moved.wait()
        self._taken[who] += 1
        self.go_on()

    def go_on(self) -> None:
        """Something came to its end."""
        self._moved.set()
