"""One thread that writes to a store, so that a lock which another process holds stops no request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from harness.errors import LockedError

Given = TypeVar("Given")
LOCKED_S = 1.0
"""Seconds after which a write that waits for a lock sees whether anybody still waits for it."""
_TOLD_AFTER_S = 3.0


class Writer:
    """Writes in turn, and waits for locks until it is told to give up.

    Args:
        gives_up: whether nobody waits for what is written any more.
    """

    def __init__(self, gives_up: Callable[[], bool]) -> None:
        self._gives_up = gives_up
        self._thread = ThreadPoolExecutor(1, "steelyard-store")
        self._since: float | None = None

    @property
    def trouble(self) -> str:
        """Say how long the store has been locked; "" where it is not."""
        waited_s = 0.0 if self._since is None else time.monotonic() - self._since
        return f"the store is locked by another process, for {waited_s:.0f} s now" if waited_s > _TOLD_AFTER_S else ""

    async def write(self, call: Callable[[], Given]) -> Given:
        """Call in the thread, after all that was given before.

        Raises:
            StoreError: what the store said; that it is locked only once nobody waits any more.
        """
        return await asyncio.wrap_future(self.submit(call))

    def submit(self, call: Callable[[], Given]) -> Future[Given]:
        """The same, for who goes on meanwhile."""
        return self._thread.submit(self._patiently, call)

    def _patiently(self, call: Callable[[], Given]) -> Given:
        began = time.monotonic()
        try:
            while True:
                try:
                    return call()
                except LockedError:
                    self._since = began
                    if self._gives_up():
                        raise
        finally:
            self._since = None

    def close(self) -> None:
        """End the thread once all is written."""
        self._thread.shutdown()
