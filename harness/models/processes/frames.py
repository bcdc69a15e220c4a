"""Messages between an engine and its child process: a length in four bytes, then JSON."""

from __future__ import annotations

import asyncio
import io
import json
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<I")


def encode_frame(message: dict[str, Any]) -> bytes:
    """The message as it goes over the pipe."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def parse_frame(block: bytes) -> dict[str, Any] | None:
    """The message at the beginning of a block; None where it is not all there."""
    return read_frame(io.BytesIO(block))


def read_frame(pipe: BinaryIO) -> dict[str, Any] | None:
    """The next message of a blocking pipe; None at its end."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    body = pipe.read(_LENGTH.unpack(head)[0])
    return dict(json.loads(body)) if len(body) == _LENGTH.unpack(head)[0] else None


async def receive_frame(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message of a stream; None at its end."""
    try:
        head = await stream.readexactly(_LENGTH.size)
        body = await stream.readexactly(_LENGTH.unpack(head)[0])
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return dict(json.loads(body))
