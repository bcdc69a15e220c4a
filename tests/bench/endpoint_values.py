"""Kinds of fault that lie in what well-formed answers say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.endpoint_faults import RIGHT, WRONG, Kind, answers, document

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
