"""An engine that asks a loopback server, at once again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from harness.models.openai.engine import OpenAIEngine
from harness.models.openai.retry import RetryPolicy
from harness.records import Request, Sample
from tests.loopback import Loopback

Start = Callable[..., Loopback]

QUICK = RetryPolicy(within_s=0.3, least_attempts=10, first_delay_s=0.001, longest_delay_s=0.01)

KEY = "sk-very-secret-0123456789"


def ask(prompt: str = "Q", **fields: Any) -> Request:
    return Request(messages=({"role": "user", "content": prompt},), **fields)


def engine(server: Loopback, *, policy: RetryPolicy = QUICK, key: str | None = None, **options: Any) -> OpenAIEngine:
    return OpenAIEngine("openai (v)", server.settings(**options), api_key=key, policy=policy)


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
        options = {"base_url": f"{self.address}/v1", "model": "m"}
        policy = RetryPolicy(within_s=0, least_attempts=3, first_delay_s=0.001, longest_delay_s=0.001)
        return sample(OpenAIEngine("openai (v)", options, api_key=KEY, policy=policy), request)
