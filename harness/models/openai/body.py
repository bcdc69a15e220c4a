"""The body of an answer, read up to a limit of what it becomes: a server may send more than any memory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.models.openai.retry import MalformedResponseError

if TYPE_CHECKING:
    import aiohttp

_MOST_BODY_BYTES = 16 << 20
_ENCODINGS = ("identity", "gzip", "x-gzip", "deflate")
_MOST_OF_A_REFUSAL = 1 << 18


class OversizedError(Exception):
    """A body that is larger than it may be."""


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """All of a body, decompressed; that of a refusal up to where a message ends.

    Raises:
        OversizedError: it is larger than it may be.
        MalformedResponseError: it is encoded in another way than was asked for.
    """
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in _ENCODINGS:
        raise MalformedResponseError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
    limit = _MOST_BODY_BYTES if response.status == 200 else _MOST_OF_A_REFUSAL
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) <= limit:
            continue
        if response.status != 200:
            return bytes(content)
        raise OversizedError(f"is larger than {limit:,} bytes")
    return bytes(content)
