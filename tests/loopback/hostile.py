"""A server that answers with any bytes at all, byte by byte, as a broken or hostile one does."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Literal

Part = bytes | float | Literal["hang", "reset"]
"""Bytes to send, seconds to wait, or an end: hold the connection until the client leaves, or break it off."""
Reply = Callable[[], Iterator[Part]]

_LONGEST_S = 60


class Hostile:
    """A running server: `{base}/KIND/anything/v1` is answered with the reply of that kind.

    Of an address that ends with `/once/v1` only the first request gets that reply; later ones get `right`.

    Attributes:
        base: scheme, host and port.
        requests: how many came to each address.
    """

    def __init__(self, replies: dict[str, Reply], right: Reply) -> None:
        self._replies = replies
        self._right = right
        self.requests = Counter[str]()
        self._ready = Future[int]()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        self.port = self._ready.result(timeout=60)
        self.base = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Hostile:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Drop every connection and end the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=60)
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()
        opened: list[asyncio.StreamWriter] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            opened.append(writer)
            try:
                with suppress(OSError, EOFError, asyncio.LimitOverrunError, TimeoutError, asyncio.CancelledError):
                    async with asyncio.timeout(_LONGEST_S):
                        await self._answer(reader, writer)
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self._ready.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in opened:
            if writer.transport.get_write_buffer_size():  # nobody has read it; else the connection may be gone
                writer.transport.abort()
        await asyncio.sleep(0)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        address, _, _ = head.split(" ")[1].partition("/v1")
        self.requests[address] += 1
        is_over = address.endswith("/once") and self.requests[address] > 1
        reply = self._right if is_over else self._replies[address.split("/")[1]]
        for part in reply():
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            elif isinstance(part, float):
                await asyncio.sleep(part)
            elif part == "hang":
                await reader.read()
            else:
                writer.transport.abort()
