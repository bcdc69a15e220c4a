"""HTTP/1.1 connections of the generator: each packet is stamped as it comes, and read only as far as it must be.

An HTTP client for general use parses before it hands over, and its cost per packet is in every latency. This one knows
where an answer ends (chunks, a length, or the end of the connection) and leaves the rest for after the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
_LONGEST_HEAD = 1 << 16
_MOST_BODY_BYTES = 16 << 20


@dataclass(slots=True)
class Exchange:
    """One request and what came back for it, as the generator's process keeps it.

    Attributes:
        index: its place in the plan.
        payload: the whole request as it goes over the wire.
        scheduled_s, sent_s, ended_s: on the clock of `time.perf_counter`; 0 for what has not happened.
        status: of the HTTP answer; 0 before its head is there.
        packets: when each part of the body came, and the part.
        failure: the kind of an error that has nothing to do with the body; "" for an answer that came to its end.
        said: what is to be told of a failure.
    """

    index: int
    payload: bytes
    scheduled_s: float
    sent_s: float = 0.0
    ended_s: float = 0.0
    status: int = 0
    packets: list[tuple[float, bytes]] = field(default_factory=list)
    failure: str = ""
    said: str = ""


class HttpConnection(asyncio.Protocol):
    """A connection that carries one exchange after another.

    Args:
        ended: called with the connection and the exchange when its answer is complete or can't be any more.
        lost: called when the connection is of no more use.
    """

    def __init__(
        self, ended: Callable[[HttpConnection, Exchange], None], lost: Callable[[HttpConnection], None]
    ) -> None:
        self.is_reused = False
        self._ended = ended
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._head = b""
        self._in_body = False
        self._framing = ""
        self._left = 0
        self._line = b""
        self._size = 0
        self._stays_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop when the connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, exchange: Exchange) -> None:
        """Send a request; nothing else may be under way."""
        assert self._transport is not None
        self._exchange = exchange
        self._begin_answer()
        self._transport.write(exchange.payload)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Called by the loop with each packet: what it was for is found out after the clock was read."""
        now = time.perf_counter()
        exchange = self._exchange
        if exchange is None:  # nothing was asked: a server that says more than it should
            self.abort()
            return
        if not self._in_body:
            data = self._read_head(exchange, data)
            if not self._in_body:
                return
        try:
            self._read_body(exchange, now, data)
        except ValueError as error:
            self._fail(exchange, "malformed", str(error))

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop when the connection ended, from whichever side."""
        exchange, self._exchange = self._exchange, None
        self._lost(self)
        if exchange is None:
            return
        exchange.ended_s = time.perf_counter()
        if not (self._in_body and self._framing == "close" and error is None):
            # Before its head an answer never was; after it, it broke off.
            exchange.failure = "broken_off" if self._in_body else "connection"
            exchange.said = str(error) if error else "the server closed the connection"
        self._ended(self, exchange)

    def _read_head(self, exchange: Exchange, data: bytes) -> bytes:
        """Take in the head of the answer; gives what follows it."""
        self._head += data
        head, end, rest = self._head.partition(_HEAD_END)
        if not end:
            if len(self._head) > _LONGEST_HEAD:
                self._fail(exchange, "malformed", "the head of the answer does not end")
            return b""
        lines = head.split(b"\r\n")
        try:
            exchange.status = int(lines[0].split()[1])
        except (IndexError, ValueError):
            self._fail(exchange, "malformed", "what answers does not speak HTTP")
            return b""
        if 100 <= exchange.status < 200:
            self._head = b""
            return self._read_head(exchange, rest) if rest else b""
        headers = {name.strip().lower(): value.strip().lower() for name, _, value in (x.partition(b":") for x in lines)}
        self._stays_open = b"close" not in headers.get(b"connection", b"") and lines[0].startswith(b"HTTP/1.1")
        if b"chunked" in headers.get(b"transfer-encoding", b""):
            self._framing = "chunks"
        elif headers.get(b"content-length", b"").isdigit():
            self._framing, self._left = "length", int(headers[b"content-length"])
        else:
            self._framing, self._stays_open = "close", False
        self._in_body = True
        return rest

    def _read_body(self, exchange: Exchange, now: float, data: bytes) -> None:
        """Keep what belongs to the body, and end the exchange where the body ends."""
        is_whole = False
        if self._framing == "chunks":
            is_whole = self._read_chunks(exchange, now, data)
        else:
            self._keep(exchange, now, data)
            if self._framing == "length":
                self._left -= len(data)
                is_whole = self._left <= 0
        if self._size > _MOST_BODY_BYTES:
            raise ValueError(f"the answer is larger than {_MOST_BODY_BYTES:,} bytes")
        if is_whole:
            self._end(exchange, now)

    def _read_chunks(self, exchange: Exchange, now: float, data: bytes) -> bool:
        """Take the chunks apart; whether the last one is there. `_left` counts a chunk's bytes with its line end."""
        position = 0
        while position < len(data):
            if self._left > 2:
                part = data[position : position + self._left - 2]
                self._keep(exchange, now, part)
                self._left -= len(part)
                position += len(part)
            elif self._left > 0:
                skipped = min(self._left, len(data) - position)
                self._left -= skipped
                position += skipped
            else:
                end = data.find(b"\n", position)
                self._line += data[position : end if end >= 0 else len(data)]
                if end < 0:
                    if len(self._line) > _LONGEST_HEAD:
                        raise ValueError("the size of a chunk does not end")
                    return False
                position = end + 1
                line, self._line = self._line.strip(), b""
                if self._framing_ends(line):
                    return True
        return False

    def _framing_ends(self, line: bytes) -> bool:
        """Read the line before a chunk; whether the body ends with it. After a chunk of size 0 come lines up to an
        empty one.
        """
        if self._left < 0:
            return not line
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise ValueError("what should be the size of a chunk is none") from None
        self._left = size + 2 if size > 0 else -1
        return False

    def _keep(self, exchange: Exchange, now: float, part: bytes) -> None:
        if part:
            self._size += len(part)
            exchange.packets.append((now, part))

    def _end(self, exchange: Exchange, now: float) -> None:
        exchange.ended_s = now
        self._exchange = None
        self.is_reused = True
        if not self._stays_open:
            self.abort()
        self._ended(self, exchange)

    def _fail(self, exchange: Exchange, failure: str, said: str) -> None:
        exchange.failure, exchange.said, exchange.ended_s = failure, said, time.perf_counter()
        self._exchange = None
        self.abort()
        self._ended(self, exchange)

    @property
    def can_carry_more(self) -> bool:
        """True where another exchange may be sent over it."""
        return self._transport is not None and not self._transport.is_closing()


@dataclass(frozen=True, slots=True)
class Target:
    """The host and port that connections lead to.

    Attributes:
        tls: whether they are encrypted.
    """

    host: str
    port: int
    tls: bool = False


class Connector:
    """Makes connections to one target. Its name is looked up once, and certificates are loaded once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._place = target.host
        self._context = ssl.create_default_context() if target.tls else None

    async def look_up(self) -> None:
        """Find the address of the target that takes connections; without one the first of them will tell."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            transport, _ = await loop.create_connection(asyncio.Protocol, self._target.host, self._target.port)
            self._place = transport.get_extra_info("peername")[0]
            transport.abort()

    async def connect(
        self, ended: Callable[[HttpConnection, Exchange], None], lost: Callable[[HttpConnection], None]
    ) -> HttpConnection:
        """A new connection.

        Raises:
            OSError: there is none to be had.
        """
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(ended, lost),
            self._place,
            self._target.port,
            ssl=self._context,
            server_hostname=self._target.host if self._context else None,
        )
        return connection
