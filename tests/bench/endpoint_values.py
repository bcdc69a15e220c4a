"""Kinds of fault that lie in what well-formed answers say, and in event streams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.endpoint_faults import RIGHT, WRONG, Kind, answers, document, endless, http, sends, unbounded

BROKEN_OFF = ("error", "abort", "cancelled", "failed", "timeout", "network_error", "insufficient_system_resource")


def values() -> Iterator[Kind]:
    """Errors beside answers, reasons to end, contents without a text."""
    for code in (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529, "429", "503", "overloaded", 7, None):
        error = {"message": "it broke", "code": code}
        for name, body in (("beside an answer", document(error=error)), ("alone in a 200", {"error": error})):
            passes = str(code) in ("408", "409", "429", "500", "502", "503", "529")
            yield Kind(f"an error with code {code!r} {name}", "values", answers(body), lasts=not passes)
    for said in ("it broke", ["it broke"], 7, True):
        yield Kind(f"an error that is {said!r}", "values", answers(document(error=said)), lasts=True)
    for reason in BROKEN_OFF:
        for name, text in (("some text", WRONG), ("no text", None), ("an empty text", "")):
            body = _ended(reason, {"content": text})
            yield Kind(f"finish_reason {reason} with {name}", "values", answers(body), lasts=True)
    for reason in ("tool_calls", "function_call"):
        body = _ended(reason, {"content": ""})
        yield Kind(f"finish_reason {reason} without a call", "values", answers(body), lasts=True)
    for name, content in (
        ("a part without text", [{}]),
        ("an image", [{"type": "image_url", "image_url": {"url": "x"}}]),
        ("a text in a list", [WRONG]),
        ("a part with null", [{"type": "text", "text": None}]),
        ("a part with a number", [{"type": "text", "text": 7}]),
    ):
        yield Kind(f"content is {name}", "values", answers(document(content)), lasts=True)
    call = {"type": "function", "function": {"name": "look", "arguments": "{}"}}
    for name, message in (
        ("null", {"content": None, "tool_calls": [call]}),
        ("an empty text", {"content": "", "tool_calls": [call]}),
    ):
        yield Kind(f"a tool call beside {name}", "values", answers(_ended("tool_calls", message)), "told")
    for reason in ("content_filter", "sensitive"):
        for name, content in (("null", None), ("an empty text", ""), ("some text", "some of it")):
            yield Kind(f"{reason} with {name}", "values", answers(_ended(reason, {"content": content})), "told")
    yield Kind("reasoning alone", "values", answers(_ended("stop", {"content": None, "reasoning": "hm"})), "told")
    refusal = {"content": None, "refusal": RIGHT}
    yield Kind("a refusal", "values", answers(_ended("stop", refusal)), "right")
    parts = [{"type": "text", "text": RIGHT[:5]}, {"type": "text", "text": RIGHT[5:]}]
    yield Kind("content in parts", "values", answers(document(parts)), "right")
    yield Kind("another model", "values", answers(document(RIGHT, model="another")), "right")


def _ended(reason: str, message: Mapping[str, Any]) -> dict[str, Any]:
    return document(choices=[{"index": 0, "message": message, "finish_reason": reason}])


def _chunk(text: Any = None, reason: Any = None, **fields: Any) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": reason, **fields}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'model': 'm', 'choices': [choice]})}\n\n"


def _event_stream(*pieces: str) -> bytes:
    return http("".join(pieces).encode(), kind="text/event-stream")


def streams() -> Iterator[Kind]:
    """What comes from a server that streams though it was not asked to."""
    done, last = "data: [DONE]\n\n", _chunk(reason="stop")
    good = (_chunk(RIGHT[:7]), _chunk(RIGHT[7:]), last)
    for name, pieces in {
        "a whole stream": (*good, done),
        "a stream without its mark of the end": good,
        "a stream without a finish_reason": (*good[:2], done),
        "a stream with pings": (": ping\n\n", good[0], ": ping\n\n", *good[1:], done),
        "a stream with CRLF": tuple(piece.replace("\n", "\r\n") for piece in (*good, done)),
        "a stream with ids": ("id: 7\nretry: 5\n", *good, done),
        "a stream with usage": (*good, 'data: {"choices": [], "usage": {"prompt_tokens": 3}}\n\n', done),
    }.items():
        yield Kind(name, "stream", sends(_event_stream(*pieces)), "right")
    held = unbounded("").replace(b"application/json", b"text/event-stream") + "".join((*good, done)).encode()
    yield Kind("a stream that is held open", "stream", sends(held, "hang"), "right")
    wrong = _chunk(WRONG)
    yield Kind("a stream that is cut", "stream", sends(_event_stream(wrong)))
    yield Kind("a stream that is cut in an event", "stream", sends(_event_stream(wrong, last[:-20])), lasts=True)
    yield Kind("a stream of pings", "stream", sends(_event_stream(": ping\n\n")))
    head = unbounded("").replace(b"application/json", b"text/event-stream")
    yield Kind("a stream without an end", "stream", endless(head, wrong.encode() * 500), lasts=True)
    yield Kind("a stream that stops", "stream", sends(head + wrong.encode(), "hang"))
    for name, piece in {
        "an error": 'data: {"error": {"message": "it broke"}}\n\n',
        "an error in words": 'data: {"error": "it broke"}\n\n',
        "an object called error": 'data: {"object": "error", "message": "it broke"}\n\n',
        "an event called error": 'event: error\ndata: {"message": "it broke"}\n\n',
        "an event called error in words": "event: error\ndata: it broke\n\n",
        "no JSON": "data: oops\n\n",
        "null": "data: null\n\n",
        "a list": "data: []\n\n",
        "choices of a text": 'data: {"choices": "x"}\n\n',
        "a choice of null": 'data: {"choices": [null]}\n\n',
        "a text of a number": _chunk(7),
        "a text of an object": _chunk({"x": 1}),
        "an index of a text": _chunk("x", index="first"),
        "a delta of a text": _chunk(delta="x"),
        "a tool call of a text": _chunk(delta={"tool_calls": ["x"]}),
        "a tool call out of turn": _chunk(delta={"tool_calls": [{"index": 9}]}),
        "an error of a choice": _chunk(reason="stop", error={"message": "it broke"}),
    }.items():
        yield Kind(f"a stream with {name}", "stream", sends(_event_stream(wrong, piece, last, done)), lasts=True)
    for reason in BROKEN_OFF:
        yield Kind(
            f"a stream that ends with {reason}",
            "stream",
            sends(_event_stream(wrong, _chunk(reason=reason), done)),
            lasts=True,
        )
    calls = {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "look", "arguments": "{}"}}]}
    yield Kind(
        "a stream with a tool call",
        "stream",
        sends(_event_stream(_chunk(delta=calls), _chunk(reason="tool_calls"), done)),
        "told",
    )
    yield Kind(
        "a stream that is withheld",
        "stream",
        sends(_event_stream(_chunk(""), _chunk(reason="content_filter"), done)),
        "told",
    )
    yield Kind("an empty stream", "stream", sends(_event_stream(done)), lasts=True)
