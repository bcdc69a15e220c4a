"""The end of each request, read from its body after the run: an error, or latencies and counts of tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.models.openai.format import BROKEN_OFF, count
from harness.models.openai.redaction import Redactor
from harness.stages.inference.load.result import RequestRecord

_LINE_ENDS = re.compile(rb"[\r\n]+")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "text")
_LONGEST_SAID = 300
_OK = 200

Failure = tuple[str, str]
"""The kind of an error, and what is said of it."""


@dataclass(slots=True)
class _Stream:
    """The events of a stream.

    Attributes:
        arrivals: when each event with tokens came, and how many the server had counted with it; None where it does not.
        usage: the last that the server counted.
        is_done: whether the stream said that it ends.
    """

    arrivals: list[tuple[float, int | None]] = field(default_factory=list)
    usage: Mapping[str, Any] = field(default_factory=dict)
    is_done: bool = False

    def take(self, at_s: float, data: bytes) -> Failure | None:
        """Take in one event; returns the failure that it tells of."""
        if data == b"[DONE]":
            self.is_done = True
            return None
        event = json.loads(data)
        if event.get("error"):
            return "error_event", _in_words(event["error"])
        usage, counted, grew = event.get("usage"), None, False
        if isinstance(usage, Mapping):
            counted = count(usage.get("completion_tokens"))
            grew = (counted or 0) > (count(self.usage.get("completion_tokens")) or 0)
            self.usage = usage
        for choice in event["choices"] if usage is None else event.get("choices") or ():
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                if reason.lower() in BROKEN_OFF:
                    return "broken_off", f"the answer broke off (finish_reason {reason!r})"
                self.is_done = True
            delta = choice.get("delta", choice)
            # A token may have no text yet, where a character is split.
            if any(delta.get(name) for name in _TEXTS) or grew:
                self.arrivals.append((at_s, counted))
        return None


def read_answer(record: RequestRecord, redactor: Redactor, asked_tokens: int | None = None) -> RequestRecord:
    """The record of a request with its answer read.

    Kinds of error: `connection` (none, or lost before an answer), `http_429` and the like, `timeout`, `broken_off` (an
    answer without its end), `empty` (an end without a token), `error_event` (an error in the stream), `malformed`,
    `no_stream` (an answer in one piece), `unfinished` (the run was ended).

    Args:
        redactor: takes the API key out of what the server says.
        asked_tokens: how many tokens the answer was to have exactly.
    """
    stream = _Stream()
    failure = _read(record, stream)
    record = replace(record, packets=(), error=None, said="", asked_tokens=asked_tokens)
    if failure is not None:
        kind, said = failure
        return replace(record, error=kind, said=redactor.text(said)[:_LONGEST_SAID])
    usage = stream.usage
    details = usage.get("prompt_tokens_details")
    completion_tokens = count(usage.get("completion_tokens"))
    return replace(
        record,
        ttft_s=stream.arrivals[0][0] - record.sent_s,
        gaps_s=_gaps(stream.arrivals, completion_tokens),
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=completion_tokens,
        cached_tokens=count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
    )


def _read(record: RequestRecord, stream: _Stream) -> Failure | None:
    """Read the events of an answer; returns its failure."""
    body = b"".join(part for _, part in record.packets).strip()
    was_cut = record.error == "broken_off"
    if record.error is not None and not was_cut:
        return record.error, record.said
    if record.status not in (0, _OK):
        return f"http_{record.status}", _message(body)
    try:
        for at_s, data in _events(record.packets):
            if failure := stream.take(at_s, data):
                return failure
    except (ValueError, LookupError, TypeError, AttributeError):
        if not was_cut:
            return "malformed", f"the stream has an event that is none of OpenAI's: {data[:80]!r}"
    if stream.is_done:
        return None if stream.arrivals else ("empty", "the answer ended without a token")
    if was_cut:
        return "broken_off", record.said
    if not body:
        return "empty", "the answer has no body"
    if body.startswith(b"{"):
        return "no_stream", "the answer came in one piece, though a stream was asked for"
    if b"data:" not in body:
        return "malformed", f"the answer is no event stream: {body[:80]!r}"
    return "broken_off", "the stream ended without finish_reason or [DONE]"


def _events(packets: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """The data of each event, with the time of the packet in which its line came to its end."""
    rest = b""
    for at_s, part in [*packets, *((at_s, b"\n") for at_s, _ in packets[-1:])]:
        *lines, rest = _LINE_ENDS.split(rest + part)
        for line in lines:
            if line.startswith(b"data:"):
                yield at_s, line[5:].strip()


def _gaps(arrivals: Sequence[tuple[float, int | None]], total: int | None) -> tuple[tuple[float, float], ...]:
    """For each arrival: the seconds for each of its tokens, and how many tokens it brought.

    Tokens that arrive together, in one event or in several of one packet, share the time since those before. Before
    the first event there is none, so that its tokens have no gap; events of the same packet came 0 s after it. How many
    tokens an event brought is known where the server counts along; else all events are taken to bring equally many.
    """
    each = max(1.0, (total or 0) / len(arrivals))
    counts = [counted for _, counted in arrivals if counted is not None]
    if len(counts) < len(arrivals):
        reached = [each * number for number in range(1, len(arrivals) + 1)]
    else:
        reached = [float(counted) for counted in counts]
    gaps = []
    before_s, before = arrivals[0][0], reached[0]
    for at_s, tokens in {at_s: tokens for (at_s, _), tokens in zip(arrivals, reached, strict=True)}.items():
        if tokens > before:
            gaps.append(((at_s - before_s) / (tokens - before), tokens - before))
            before_s = at_s
        before = tokens
    return tuple(gaps)


def _message(body: bytes) -> str:
    """The server's words to a refusal."""
    said = body.decode("utf-8", "replace")
    try:
        return _in_words(json.loads(said))
    except ValueError:
        return said


def _in_words(error: Any) -> str:
    """The message of an error, however deep it lies."""
    while isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("error") or json.dumps(dict(error))
    return str(error)
