"""Kinds of fault of an endpoint, made by combination: connection, status, headers, encoding, JSON, fields.

Each answer that is wrong holds the text WRONG where there is room for one, so that whatever scores it can be told.
"""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from tests.loopback.hostile import Part, Reply

RIGHT, WRONG = "the right answer", "WRONG"
_NOTHING = object()


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        layer: where it lies.
        outcome: what must come of it: an error; "right" where it does the answer no harm; "told" where the answer
            has no text and says why.
        lasts: whether the answer is complete, so that few attempts must do.
        at: whom the engine asks: the server, a port where nobody listens, or the server by TLS, which it has not.
    """

    name: str
    layer: str
    reply: Reply
    outcome: Literal["error", "right", "told"] = "error"
    lasts: bool = False
    at: Literal["server", "nobody", "tls"] = "server"


def document(text: Any = WRONG, **fields: Any) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 3}
    return {"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage, **fields}


def http(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", headers: str = "", length: int | None = None
) -> bytes:
    """A whole response."""
    said = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {said}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode("latin-1") + body


def unbounded(headers: str) -> bytes:
    """The head of a response whose body ends with the connection, or with its last chunk."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}\r\n".encode()


def sends(*parts: Part) -> Reply:
    """A reply of these parts."""
    return lambda: iter(parts)


def answers(body: Any, **more: Any) -> Reply:
    """A reply with a JSON body."""
    return sends(http(json.dumps(body).encode(), **more))


def endless(head: bytes, piece: bytes) -> Reply:
    """A reply that repeats a piece, up to 4 GiB."""

    def parts() -> Iterator[Part]:
        yield head
        for _ in range((4 << 30) // len(piece)):
            yield piece

    return parts


def bomb(wrap: Callable[[int], Any], megabytes: int) -> bytes:
    """A JSON string of so many MB of one character, compressed."""
    machine = wrap(9)
    pieces = [machine.compress(b'{"choices": "')]
    pieces += [machine.compress(b"a" * (1 << 20)) for _ in range(megabytes)]
    return b"".join([*pieces, machine.flush()])


def gzip_machine(level: int) -> Any:
    """A compressor of gzip."""
    return zlib.compressobj(level, zlib.DEFLATED, 31)


RIGHT_BODY = json.dumps(document(RIGHT)).encode()
WRONG_BODY = json.dumps(document()).encode()
_CHUNKED = "Transfer-Encoding: chunked\r\n"
_CHUNK = b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"
_HEADERS = b"X: xxxxxxxxxxxxxxxxxxxxxxx\r\n" * 2000


def _connection() -> Iterator[Kind]:
    start = http(WRONG_BODY)
    for place, cut in (("the status", 12), ("the headers", 40), ("the body", len(start) - 60)):
        yield Kind(f"closed in {place}", "connection", sends(start[:cut]))
        yield Kind(f"reset in {place}", "connection", sends(start[:cut], "reset"))
        yield Kind(f"silent in {place}", "connection", sends(start[:cut], "hang"))
    yield Kind("closed at once", "connection", sends())
    yield Kind("reset at once", "connection", sends("reset"))
    yield Kind("silent", "connection", sends("hang"))
    yield Kind("a byte now and then", "connection", lambda: (part for byte in start for part in (bytes([byte]), 0.05)))
    yield Kind("nobody listens", "connection", sends(), at="nobody")
    yield Kind("no TLS", "connection", sends(), at="tls")
    for name, said in (
        ("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("no headers", b'{"choices": []}'),
        ("zero bytes", b"\0" * 400),
        ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ):
        yield Kind(name, "connection", sends(said))


def _status() -> Iterator[Kind]:
    """Each with a body that would be an answer."""
    for status in (201, 202, 203, 204, 205, 206, 207, 226, 300, 301, 302, 303, 304, 305, 307, 308):
        headers = "Location: http://127.0.0.1:9/v1\r\n" if 300 <= status < 400 else ""
        yield Kind(f"status {status}", "status", sends(http(WRONG_BODY, status=f"{status} X", headers=headers)))
    for status in (400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 418, 421, 422, 425, 429, 431, 451, 498):
        yield Kind(f"status {status}", "status", sends(http(WRONG_BODY, status=f"{status} X")))
    for status in (500, 501, 502, 503, 504, 505, 507, 511, 520, 522, 524, 529, 599, 600, 999):
        yield Kind(f"status {status}", "status", sends(http(WRONG_BODY, status=f"{status} X")))
    for line in ("abc X", "-200 OK", "20 OK", "2000 OK", ""):
        yield Kind(f"status {line!r}", "status", sends(http(WRONG_BODY, status=line)))
    endless_100 = sends(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 1000, "hang")
    yield Kind("status 100 again and again", "status", endless_100)
    quota = {"error": {"message": "no money", "code": "insufficient_quota"}}
    yield Kind("an empty account", "status", answers(quota, status="429 X"), lasts=True)
    yield Kind("an empty account in a 200", "status", answers(quota), lasts=True)
    yield Kind("asked to wait an hour", "status", answers({}, status="429 X", headers="Retry-After: 3600\r\n"))


def _headers() -> Iterator[Kind]:
    yield Kind("a length that is too long", "headers", sends(http(WRONG_BODY, length=len(WRONG_BODY) + 9)))
    yield Kind("a length that is too short", "headers", sends(http(WRONG_BODY, length=len(WRONG_BODY) - 9)))
    yield Kind("a negative length", "headers", sends(http(WRONG_BODY, length=-1)))
    lengths = "Content-Length: 5\r\n"
    yield Kind("two lengths", "headers", sends(http(WRONG_BODY, headers=lengths)))
    both = "Transfer-Encoding: chunked\r\n"
    yield Kind("a length and chunks", "headers", sends(http(b"5\r\n" + WRONG_BODY, headers=both)))
    yield Kind("a header of 1 MB", "headers", sends(http(WRONG_BODY, headers=f"X: {'x' * (1 << 20)}\r\n")))
    yield Kind("a header with a NUL", "headers", sends(http(WRONG_BODY, headers="X: a\0b\r\n")))
    yield Kind("a header without a name", "headers", sends(http(WRONG_BODY, headers=": x\r\n")))
    yield Kind("a header without a colon", "headers", sends(http(WRONG_BODY, headers="nonsense\r\n")))
    yield Kind("endless headers", "headers", endless(b"HTTP/1.1 200 OK\r\n", _HEADERS))
    for kind in ("text/html", "text/plain", "application/octet-stream", "nonsense", "text/event-stream"):
        yield Kind(f"JSON called {kind}", "headers", sends(http(RIGHT_BODY, kind=kind)), "right")


def _bombed(name: str, machine: Callable[[int], Any]) -> Reply:
    return sends(http(bomb(machine, 100), headers=f"Content-Encoding: {name}\r\n"))


def _encoding() -> Iterator[Kind]:
    squeezed = gzip.compress(WRONG_BODY)
    corrupt = squeezed[:20] + bytes([squeezed[20] ^ 0xFF]) + squeezed[21:]
    yield Kind("a gzip bomb", "encoding", _bombed("gzip", gzip_machine), lasts=True)
    yield Kind("a deflate bomb", "encoding", _bombed("deflate", zlib.compressobj), lasts=True)
    for name, body in (
        ("corrupt gzip", corrupt),
        ("gzip cut short", squeezed[:-12]),
        ("what is called gzip and is not", WRONG_BODY),
        ("gzip with rubbish behind it", squeezed + b"rubbish"),
    ):
        yield Kind(name, "encoding", sends(http(body, headers="Content-Encoding: gzip\r\n")), lasts=True)
    for name in ("br", "zstd", "compress", "gzip, gzip", "nonsense"):
        reply = sends(http(WRONG_BODY, headers=f"Content-Encoding: {name}\r\n"))
        yield Kind(f"encoded as {name}", "encoding", reply, lasts=True)
    for name, body in (("gzip", gzip.compress(RIGHT_BODY)), ("deflate", zlib.compress(RIGHT_BODY))):
        reply = sends(http(body, headers=f"Content-Encoding: {name}\r\n"))
        yield Kind(f"good {name}", "encoding", reply, "right")
    members = gzip.compress(RIGHT_BODY[:50]) + gzip.compress(RIGHT_BODY[50:])
    yield Kind("gzip in two", "encoding", sends(http(members, headers="Content-Encoding: gzip\r\n")), "right")
    bare = zlib.compress(RIGHT_BODY)[2:-4]
    yield Kind(
        "deflate without a header", "encoding", sends(http(bare, headers="Content-Encoding: deflate\r\n")), "right"
    )
    yield Kind("a body without an end", "encoding", endless(unbounded(""), b"x" * (1 << 16)), lasts=True)
    chunked = unbounded(_CHUNKED)
    yield Kind("chunks without an end", "encoding", endless(chunked, _CHUNK), lasts=True)
    for name, size in (("no number", b"zz"), ("a negative number", b"-5"), ("a huge number", b"f" * 20)):
        yield Kind(f"a chunk of {name}", "encoding", sends(chunked + size + b"\r\n" + WRONG_BODY + b"\r\n"))
    part = b"%x\r\n" % len(WRONG_BODY) + WRONG_BODY + b"\r\n"
    yield Kind("no last chunk", "encoding", sends(chunked + part))
    good = b"%x\r\n" % len(RIGHT_BODY) + RIGHT_BODY + b"\r\n0\r\n\r\n"
    yield Kind("good chunks", "encoding", sends(chunked + good), "right")


def _json() -> Iterator[Kind]:
    text = WRONG_BODY.decode()
    yield from (
        Kind(f"JSON cut at {share} %", "JSON", sends(http(WRONG_BODY[: len(WRONG_BODY) * share // 100])), lasts=True)
        for share in (0, 1, 25, 50, 75, 99)
    )
    for name, said in {
        "null": "null",
        "true": "true",
        "a number": "7",
        "a text": json.dumps(WRONG),
        "a list": f"[{text}]",
        "an empty object": "{}",
        "two documents": text + text,
        "documents by line": f"{text}\n{text}\n",
        "rubbish behind it": text + "}",
        "single quotes": text.replace('"', "'"),
        "a comment": "// hello\n" + text,
        "JSON in a text": json.dumps(text),
        "deep lists": "[" * 100_000 + "]" * 100_000,
        "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
        "a huge number": "9" * 10_000,
        "a web page": f"<!doctype html><title>{WRONG}</title>",
        "a login page": f"\n<html><body>Sign in<p>{WRONG}</body></html>",
        "XML": f"<?xml version='1.0'?><answer>{WRONG}</answer>",
        "plain text": WRONG,
        "YAML": f"choices:\n- message:\n    content: {WRONG}\n",
        "a workflow command": f"::error::{WRONG}",
        "an error without the word": '{"detail": "out of memory"}',
        "a message alone": '{"message": "out of memory", "code": 7}',
        "an object called error": '{"object": "error", "message": "out of memory", "code": 40303}',
        "a task of another API": '{"id": 7, "status": "queued"}',
    }.items():
        yield Kind(name, "JSON", sends(http(said.encode())), lasts=True)
    yield Kind(
        "bytes that are no UTF-8", "JSON", sends(http(WRONG_BODY.replace(b"WRONG", b"\xff\xfe\xc0"))), lasts=True
    )
    for name in ("utf-8-sig", "utf-16", "utf-32"):
        yield Kind(f"JSON in {name}", "JSON", sends(http(RIGHT_BODY.decode().encode(name))), "right")


_PATHS: Mapping[str, tuple[Any, ...]] = {
    "choices": ("choices",),
    "a choice": ("choices", 0),
    "index": ("choices", 0, "index"),
    "finish_reason": ("choices", 0, "finish_reason"),
    "message": ("choices", 0, "message"),
    "content": ("choices", 0, "message", "content"),
    "tool_calls": ("choices", 0, "message", "tool_calls"),
    "reasoning": ("choices", 0, "message", "reasoning"),
    "error": ("error",),
    "error of a choice": ("choices", 0, "error"),
    "usage": ("usage",),
    "model": ("model",),
}
_VALUES: Mapping[str, Any] = {
    "missing": _NOTHING,
    "null": None,
    "true": True,
    "a number": 7,
    "a text": "some text",
    "an empty list": [],
    "a list": ["x"],
    "a list of null": [None],
    "an empty object": {},
    "an object": {"x": 1},
}
_EMPTY = ("missing", "null")
_HARMLESS: Mapping[str, tuple[str, ...]] = {
    "index": (*_EMPTY, "a number"),
    "finish_reason": (*_EMPTY, "a text"),
    "tool_calls": (*_EMPTY, "an empty list"),
    "reasoning": (*_EMPTY, "a text"),
    "error": (*_EMPTY, "an empty list", "an empty object"),
    "error of a choice": (*_EMPTY, "an empty list", "an empty object"),
    "usage": tuple(_VALUES),
    "model": tuple(_VALUES),
}
"""What may stand there without doing an answer any harm, since nothing is read from it or nothing may be there."""


def _fields() -> Iterator[Kind]:
    for place, path in _PATHS.items():
        for what, value in _VALUES.items():
            if (place, what) == ("content", "a text"):
                continue
            harmless = what in _HARMLESS.get(place, ())
            body = _with(document(RIGHT if harmless else WRONG), path, value)
            outcome: Literal["right", "error"] = "right" if harmless else "error"
            yield Kind(f"{place} is {what}", "fields", answers(body), outcome, lasts=not harmless)


def _with(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(body)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if value is not _NOTHING:
        place[path[-1]] = value
    elif isinstance(place, list):
        del place[path[-1]]
    else:
        place.pop(path[-1], None)
    return changed


def right() -> Reply:
    """The reply of a server that works."""
    return sends(http(RIGHT_BODY))


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds, each with a name of its own."""
    from tests.bench.endpoint_values import values

    return (*_connection(), *_status(), *_headers(), *_encoding(), *_json(), *_fields(), *values())
