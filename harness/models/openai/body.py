"""The body of an answer, read up to a limit of what it becomes: a server may send more than any memory holds."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from harness.models.openai.retry import MalformedResponseError

if TYPE_CHECKING:
    import aiohttp

MOST_BODY_BYTES = 16 << 20
ENCODINGS = "gzip, deflate"
_MOST_OF_A_REFUSAL = 1 << 18
_PIECE = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_END_OF_STREAM = re.compile(rb"(?:^|[\r\n])data:[ ]?\[DONE\]")
_LONGEST_END = 16
_HEAVIEST = 8
"""Memory that a body may take once it is parsed, as a multiple of its size."""
_OBJECT, _LIST, _VALUE = 184, 64, 48


class OversizedError(Exception):
    """A body that is larger than it may be."""


class Bodies:
    """Reads the bodies of one endpoint.

    Those that are read at once share room for two of the largest. Beyond that all wait but the oldest, so that as
    many requests as one likes never hold more.

    Args:
        most_bytes: that a body may have, decompressed.
    """

    def __init__(self, most_bytes: int = MOST_BODY_BYTES) -> None:
        self.most_bytes = most_bytes
        self._room = 2 * most_bytes
        self._taken = 0
        self._readers: dict[int, None] = {}
        self._given_back = asyncio.Event()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Body]:
        """A body to read; it takes room until the context ends."""
        body = Body(self)
        try:
            yield body
        finally:
            self._readers.pop(id(body), None)
            self._taken -= len(body.content)
            body.content.clear()  # whoever still holds it, as the frames of an error do
            self._given_back.set()
            self._given_back = asyncio.Event()

    async def take(self, body: Body, size: int) -> None:
        """Room for so many bytes more; waits for it unless the body is the oldest."""
        self._readers.setdefault(id(body))
        while self._taken + size > self._room and next(iter(self._readers)) != id(body):
            await self._given_back.wait()
        self._taken += size


class Body:
    """One body.

    Attributes:
        content: what has been read of it, decompressed.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.content = bytearray()
        self._bodies = bodies

    async def read(self, response: aiohttp.ClientResponse) -> bytearray:
        """All of it; an event stream up to its mark of the end, the body of a refusal up to where a message ends.

        Raises:
            OversizedError: it is larger than it may be, sent or decompressed, or would be when it is parsed.
            MalformedResponseError: it is not encoded as it says.
        """
        limit = self._bodies.most_bytes if response.status == 200 else _MOST_OF_A_REFUSAL
        unpacked = _Unpacking(response.headers.get("Content-Encoding", ""))
        is_stream = response.content_type == "text/event-stream"
        sent = 0
        async for chunk in response.content.iter_any():
            sent += len(chunk)
            for piece in unpacked.pieces(chunk):
                await self._bodies.take(self, len(piece))
                self.content += piece
                if max(sent, len(self.content)) > limit:
                    return self._cut(response.status)
                tail = len(self.content) - len(piece) - _LONGEST_END
                if is_stream and _END_OF_STREAM.search(self.content, max(0, tail)):
                    return self.content
            if sent > limit:
                return self._cut(response.status)
        unpacked.finish()
        heaviest = _HEAVIEST * self._bodies.most_bytes
        if response.status == 200 and _weight(self.content) > heaviest:
            raise OversizedError(f"holds more than fits into {heaviest:,} bytes of memory")
        return self.content

    def _cut(self, status: int) -> bytearray:
        if status == 200:
            raise OversizedError(f"is larger than {self._bodies.most_bytes:,} bytes")
        return self.content


def _weight(content: bytearray) -> int:
    """About how many bytes the values of a JSON document take in memory; `{"":0}` takes thirty times its own.

    >>> _weight(bytearray(b'[{"a": 1}, []]'))
    360
    """
    return content.count(b"{") * _OBJECT + content.count(b"[") * _LIST + content.count(b",") * _VALUE


class _Unpacking:
    """Decompresses a body piece by piece, so that a small chunk never becomes a large one at once."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise MalformedResponseError(f"the answer is encoded as {self._encoding[:40]!r}, which was not asked for")
        self._machine: zlib._Decompress | None = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Decompress a chunk, in pieces of at most 64 KiB.

        Raises:
            MalformedResponseError: it can't be decompressed.
        """
        if self._encoding in ("", "identity"):
            for start in range(0, len(data), _PIECE):
                yield data[start : start + _PIECE]
            return
        while data:
            machine = self._machine = self._machine or self._begin(data)
            piece = b""
            while True:
                try:
                    piece = machine.decompress(data, _PIECE)
                except zlib.error as error:
                    raise MalformedResponseError(f"the answer can't be decompressed: {error}") from None
                if piece:
                    yield piece
                data = machine.unconsumed_tail
                if machine.eof or (not data and len(piece) < _PIECE):
                    break
            if machine.eof:
                self._machine, data = None, machine.unused_data.lstrip(b"\0")  # a body may have several members

    def finish(self) -> None:
        """Say that nothing more comes.

        Raises:
            MalformedResponseError: what came ends in the middle.
        """
        if self._machine is not None:
            raise MalformedResponseError(f"the answer ends in the middle of its {self._encoding}")

    def _begin(self, data: bytes) -> zlib._Decompress:
        """A new decompressor; what is called deflate comes with a header, as the standard has it, or without."""
        if self._encoding != "deflate":
            return zlib.decompressobj(_GZIP)
        has_header = data[0] & 0x0F == zlib.DEFLATED
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
