"""The server in a thread of its own, for tests."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from tests.loopback.server import Options, Server, listen


class Loopback:
    """A running server.

    Attributes:
        base_url: what a version's settings name.
        received: bodies of the requests so far.
    """

    def __init__(self, options: Options, port: int = 0) -> None:
        self._server = Server(options)
        self.received = self._server.received
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        ready = Future[str]()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready, port)), daemon=True)
        self._thread.start()
        self.base_url = ready.result(timeout=60)

    @property
    def stats(self) -> dict[str, int]:
        """Requests, choices, faults and the most requests in flight at once."""
        return dict(self._server.stats)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Engine options of a version that this server answers for."""
        return {"base_url": self.base_url, "model": "loopback", **more}

    def recover(self) -> None:
        """Answer every request that comes from now on."""
        self._server.options = replace(self._server.options, faults=())

    @property
    def port(self) -> int:
        """Where it listens, so that another may take its place."""
        return int(self.base_url.rpartition(":")[2].removesuffix("/v1"))

    def stop(self) -> None:
        """Drop every connection and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=60)

    async def _serve(self, ready: Future[str], port: int) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            runner, base_url = await listen(self._server, port)
        except OSError as error:
            ready.set_exception(error)
            return
        ready.set_result(base_url)
        await self._stop.wait()
        await runner.cleanup()
