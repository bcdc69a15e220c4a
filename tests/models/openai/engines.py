"""An engine that asks a loopback server, at once again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from harness.models.openai.engine import OpenAIEngine
from harness.models.openai.retry import Clock, RetryPolicy
from harness.records import Request, Sample
from tests.loopback import Loopback

Start = Callable[..., Loopback]

KEY = "sk-very-secret-0123456789"


def ask(prompt: str = "Q", **fields: Any) -> Request:
    return Request(messages=({"role": "user", "content": prompt},), **fields)


class StillClock(Clock):
    """Time stands still: what is waited for is noted, and is over at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def seconds(self) -> float:
        return 0.0

    async def wait(self, seconds: float, end: asyncio.Event) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


class HeldClock(StillClock):
    """What is waited for never comes, but the end may."""

    async def wait(self, seconds: float, end: asyncio.Event) -> None:
        await end.wait()


def engine(
    server: Loopback,
    *,
    policy: RetryPolicy | None = None,
    key: str | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> OpenAIEngine:
    """An engine that waits for nothing."""
    return engine_at(server.base_url, policy=policy, key=key, clock=clock, model="loopback", **options)


def engine_at(
    base_url: str | list[str],
    *,
    policy: RetryPolicy | None = None,
    key: str | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> OpenAIEngine:
    """An engine that waits for nothing, for any address."""
    given = {"base_url": base_url, "model": "m", **options}
    return OpenAIEngine("openai (v)", given, api_key=key, policy=policy, clock=clock or StillClock())


async def with_engine(engine: OpenAIEngine, *requests: tuple[Request, Sequence[int]]) -> list[Any]:
    """What all requests at once give; errors among the results."""
    await engine.start()
    try:
        return await asyncio.gather(*(engine.sample(*request) for request in requests), return_exceptions=True)
    finally:
        await engine.close()


def sample(engine: OpenAIEngine, request: Request, indices: Sequence[int] = (0,)) -> list[Sample]:
    (result,) = asyncio.run(with_engine(engine, (request, indices)))
    if isinstance(result, BaseException):
        raise result
    return result


class Raw:
    """A server that answers every request with the same status and body."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        raw = self
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw.requests += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Raw:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Its base address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def sample(self, request: Request) -> list[Sample]:
        """What an engine with KEY draws from this server."""
        return sample(engine_at(f"{self.address}/v1", key=KEY), request)
