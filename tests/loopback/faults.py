"""Requests that go wrong on purpose."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

BROKEN = ("hang", "drop", "truncated", "not-json", "no-choices", "null-content", "redirect", "loading")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which requests fail.

    Attributes:
        kind: an HTTP status such as "429", or one of BROKEN.
        first: so many requests fail, counted over all.
        after: all requests fail that come after so many; 0 for none.
        attempts: each request fails so many times before it succeeds.
        rate: share of requests that fail, drawn from the request and how often it came before.
        retry_after: value of the Retry-After header, or None for none.
        asked: requests that hold this text fail.
    """

    kind: str
    first: int = 0
    after: int = 0
    attempts: int = 0
    rate: float = 0.0
    retry_after: str | None = None
    asked: str = ""

    def __post_init__(self) -> None:
        if not self.kind.isdigit() and self.kind not in BROKEN:
            raise ValueError(f"fault {self.kind!r} is neither an HTTP status nor one of {', '.join(BROKEN)}")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A fault as the command line writes it: KIND, KIND:first=5, KIND:attempts=2, KIND:rate=0.1:retry_after=1."""
        kind, *parts = text.split(":")
        values = dict(part.split("=", 1) for part in parts)
        return cls(
            kind,
            first=int(values.get("first", 0)),
            after=int(values.get("after", 0)),
            attempts=int(values.get("attempts", 0)),
            rate=float(values.get("rate", 0 if values else 1)),
            retry_after=values.get("retry_after"),
        )

    def strikes(self, body: bytes, number: int, attempt: int) -> bool:
        """Whether this request fails: the `number`th of all, the `attempt`th with the same body (both from 0)."""
        if number < self.first or attempt < self.attempts or (self.asked and self.asked.encode() in body):
            return True
        if self.after and number >= self.after:
            return True
        if not self.rate:
            return False
        digest = hashlib.blake2b(body, digest_size=8, key=f"{self.kind} {attempt}".encode()).digest()
        return int.from_bytes(digest, "big") < self.rate * 2**64


def striking(faults: Iterable[Fault], body: bytes, number: int, attempt: int) -> Fault | None:
    """The first fault that this request meets."""
    return next((fault for fault in faults if fault.strikes(body, number, attempt)), None)


async def fail(fault: Fault, request: web.Request) -> web.StreamResponse:
    """Answer the way that the fault says."""
    if fault.kind == "hang":
        await asyncio.Event().wait()
    if fault.kind == "drop":
        request.transport.abort()
        return web.Response()
    if fault.kind == "truncated":
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"choices": [{"index": 0, "mess')
        request.transport.close()
        return response
    bodies = {
        "not-json": "<html>gateway</html>",
        "no-choices": json.dumps({"choices": []}),
        "null-content": json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": None}}]}),
    }
    if fault.kind in bodies:
        return web.Response(text=bodies[fault.kind], content_type="application/json")
    if fault.kind == "redirect":
        return web.Response(status=307, headers={"Location": "http://elsewhere.invalid/v1?key=1"})
    if fault.kind == "loading":
        return web.json_response({"error": {"message": "Loading model", "type": "unavailable_error"}}, status=503)
    # A careless server repeats what it was sent, the key included.
    said = f"injected {fault.kind}, authorization was {request.headers.get('Authorization')}"
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return web.json_response({"error": {"message": said}}, status=int(fault.kind), headers=headers)
