"""Threads for what bodies hand to one, such as `asyncio.to_thread`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_Work = tuple[Future[Any], Callable[[], Any]]


class LooseThreads(ThreadPoolExecutor):
    """A pool whose threads keep nobody from ending: Python would wait for those of its own until they return."""

    def __init__(self, most: int = 32) -> None:
        super().__init__(most, "steelyard-body")
        self._most = most
        self._waiting: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._n_threads = 0
        self._idle = threading.Semaphore(0)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Have a function called in a thread."""
        future: Future[Any] = Future()
        self._waiting.put((future, lambda: function(*arguments, **keywords)))
        if not self._idle.acquire(blocking=False) and self._n_threads < self._most:
            self._n_threads += 1
            threading.Thread(target=self._serve, name=f"steelyard-body-{self._n_threads}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Drop what has not begun. What has begun is left to itself."""
        while True:
            try:
                self._waiting.get_nowait()[0].cancel()
            except queue.Empty:
                return

    def _serve(self) -> None:
        while True:
            future, call = self._waiting.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  it belongs to the body that waits
                    future.set_exception(error)
            del future, call
            self._idle.release()
