"""How many bodies may be alive at once: enough to fill the window, few enough to bound memory."""

from __future__ import annotations

import asyncio
from collections import deque


class Admission:
    """A fair counting gate. A group larger than the limit is let in alone.

    Args:
        limit: the most bodies alive at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._alive = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def alive(self) -> int:
        """Bodies that were let in and not released."""
        return self._alive

    async def acquire(self, size: int) -> None:
        """Wait for room for `size` bodies; first come, first served."""
        if not self._waiting and self._fits(size):
            self._alive += size
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(size)
            raise

    def release(self, size: int) -> None:
        """Give the room of `size` bodies back."""
        self._alive -= size
        while self._waiting:
            wanted, future = self._waiting[0]
            if future.cancelled():
                self._waiting.popleft()
            elif self._fits(wanted):
                self._waiting.popleft()
                self._alive += wanted
                future.set_result(None)
            else:
                break

    def _fits(self, size: int) -> bool:
        return self._alive == 0 or self._alive + size <= self._limit
