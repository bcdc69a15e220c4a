"""The body of an answer, read up to a limit of what it becomes: a server may send more than any memory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.models.openai.retry import MalformedResponseError

if TYPE_CHECKING:
    import aiohttp

MOST_BODY_BYTES = 16 << 20
_ENCODINGS = ("identity", "gzip", "x-gzip", "deflate")
_MOST_OF_A_REFUSAL = 1 << 18
_HEAVIEST = 8
"""Memory that a body may take once it is parsed, as a multiple of its size."""
_OBJECT, _LIST, _VALUE = 184, 64, 48


class OversizedError(Exception):
    """A body that is larger than it may be."""


async def read_body(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """All of a body, decompressed; that of a refusal up to where a message ends.

    Raises:
        OversizedError: it is larger than it may be, or would be when it is parsed.
        MalformedResponseError: it is encoded in another way than was asked for.
    """
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in _ENCODINGS:
        raise MalformedResponseError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
    limit = most_bytes if response.status == 200 else _MOST_OF_A_REFUSAL
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) <= limit:
            continue
        if response.status != 200:
            return bytes(content)
        raise OversizedError(f"is larger than {most_bytes:,} bytes")
    heaviest = _HEAVIEST * most_bytes
    if response.status == 200 and _weight(content) > heaviest:
        raise OversizedError(f"holds more than fits into {heaviest:,} bytes of memory")
    return bytes(content)


def _weight(content: bytearray) -> int:
    """About how many bytes the values of a JSON document take in memory; `{"":0}` takes thirty times its own.

    >>> _weight(bytearray(b'[{"a": 1}, []]'))
    360
    """
    return content.count(b"{") * _OBJECT + content.count(b"[") * _LIST + content.count(b",") * _VALUE
