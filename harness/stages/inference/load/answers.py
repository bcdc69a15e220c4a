"""The end of each request, read from the packets after the run: an error, or latencies and counts of tokens."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.models.openai.format import BROKEN_OFF, count
from harness.models.openai.redaction import Redactor
from harness.stages.inference.load.connections import Exchange
from harness.stages.inference.load.result import RequestRecord

_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\n|\r)")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "text")
_LONGEST_SAID = 300


class _StreamError(Exception):
    """The answer is none; `kind` is the error's name in the result."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


@dataclass(slots=True)
class _TokenArrival:
    """A packet that brought tokens.

    Attributes:
        events: how many in it did.
        counted_first, counted: tokens that the server had counted with the first and the last of these events; None
            where it tells at the end alone.
    """

    at_s: float
    events: int
    counted_first: int | None
    counted: int | None


@dataclass(slots=True)
class _StreamTokens:
    """The events of a stream, with their times.

    Attributes:
        arrivals: packets with tokens.
        usage: the last that the server counted.
        is_done: whether the stream said that it ends.
    """

    arrivals: list[_TokenArrival] = field(default_factory=list)
    usage: Mapping[str, Any] = field(default_factory=dict)
    is_done: bool = False

    def arrive(self, at_s: float, counted: int | None) -> None:
        """Take note of an event with tokens; those of one packet came together."""
        if self.arrivals and self.arrivals[-1].at_s == at_s:
            self.arrivals[-1].events += 1
            self.arrivals[-1].counted = counted
        else:
            self.arrivals.append(_TokenArrival(at_s, 1, counted, counted))


def read_exchange(
    exchange: Exchange, redactor: Redactor, *, started_s: float = 0.0, asked_tokens: int | None = None
) -> RequestRecord:
    """The record of an ended exchange.

    Kinds of error: `connection` (none, or lost before an answer), `http_429` and the like, `timeout`, `broken_off` (an
    answer without its end), `empty` (an end without a token), `error_event` (an error in the stream), `malformed`,
    `no_stream` (an answer in one piece), `unfinished` (the run was ended).

    Args:
        redactor: takes the API key out of what the server says.
        started_s: when the measurement began, on the exchange's clock.
        asked_tokens: how many tokens the answer was to have exactly.
    """
    times: dict[str, Any] = {
        "index": exchange.index,
        "scheduled_s": exchange.scheduled_s - started_s,
        "sent_s": exchange.sent_s - started_s,
        "ended_s": exchange.ended_s - started_s,
        "asked_tokens": asked_tokens,
    }
    try:
        tokens = _read(exchange)
    except _StreamError as error:
        return RequestRecord(**times, error=error.kind, said=redactor.text(str(error))[:_LONGEST_SAID])
    usage = tokens.usage
    details = usage.get("prompt_tokens_details")
    completion_tokens = count(usage.get("completion_tokens"))
    return RequestRecord(
        **times,
        ttft_s=tokens.arrivals[0].at_s - exchange.sent_s,
        gaps_s=_gaps(tokens.arrivals, completion_tokens),
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=completion_tokens,
        cached_tokens=count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
    )


def _read(exchange: Exchange) -> _StreamTokens:
    """The tokens of an exchange.

    Raises:
        _StreamError: it is an error.
    """
    if exchange.status not in (0, 200) and exchange.failure in ("", "broken_off"):
        raise _StreamError(f"http_{exchange.status}", _message(exchange))
    if exchange.failure and exchange.failure != "broken_off":
        raise _StreamError(exchange.failure, exchange.said)
    tokens = _StreamTokens()
    for at_s, data in _events(exchange.packets):
        if data == b"[DONE]":
            tokens.is_done = True
            break
        try:
            event = json.loads(data)
        except ValueError:
            if exchange.failure:
                break  # cut in the middle of an event
            raise _StreamError("malformed", f"an event is no JSON: {data[:80]!r}") from None
        if not isinstance(event, Mapping):
            raise _StreamError("malformed", f"an event is no object: {data[:80]!r}")
        _take(tokens, at_s, event)
    if not tokens.is_done:
        _refuse_unended(exchange, tokens)
    if not tokens.arrivals:
        raise _StreamError("empty", "the answer ended without a token")
    return tokens


def _refuse_unended(exchange: Exchange, tokens: _StreamTokens) -> None:
    """Say what an answer without an end is."""
    if exchange.failure:
        raise _StreamError("broken_off", exchange.said)
    body = b"".join(part for _, part in exchange.packets).lstrip()
    if not body:
        raise _StreamError("empty", "the answer has no body")
    if body.startswith(b"{"):
        raise _StreamError("no_stream", "the answer came in one piece, though a stream was asked for")
    if not tokens.arrivals and b"data:" not in body:
        raise _StreamError("malformed", f"the answer is no event stream: {body[:80]!r}")
    raise _StreamError("broken_off", "the stream ended without finish_reason or [DONE]")


def _take(tokens: _StreamTokens, at_s: float, event: Mapping[str, Any]) -> None:
    """Take in one event of the stream."""
    if event.get("error"):
        raise _StreamError("error_event", _in_words(event["error"]))
    usage = event.get("usage")
    counted = None
    if isinstance(usage, Mapping):
        tokens.usage, before = usage, tokens.usage
        counted = count(usage.get("completion_tokens"))
        grew = (counted or 0) > (count(before.get("completion_tokens")) or 0)
    else:
        grew = False
    choices = event.get("choices")
    if not isinstance(choices, list):
        if usage is None:
            raise _StreamError("malformed", f"an event without choices: {json.dumps(event)[:80]}")
        return
    for choice in choices:
        if not isinstance(choice, Mapping):
            raise _StreamError("malformed", "a choice is no object")
        _take_choice(tokens, at_s, choice, (counted, grew))


def _take_choice(
    tokens: _StreamTokens, at_s: float, choice: Mapping[str, Any], counting: tuple[int | None, bool]
) -> None:
    counted, grew = counting
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason:
        if reason.lower() in BROKEN_OFF:
            raise _StreamError("broken_off", f"the answer broke off (finish_reason {reason!r})")
        tokens.is_done = True
    delta = choice.get("delta", choice)
    if not isinstance(delta, Mapping):
        raise _StreamError("malformed", "a delta is no object")
    if grew or any(delta.get(name) for name in _TEXTS):  # a token may have no text yet, where a character is split
        tokens.arrive(at_s, counted)


def _gaps(arrivals: Sequence[_TokenArrival], completion_tokens: int | None) -> tuple[tuple[float, float], ...]:
    """For each arrival: the seconds for each of its tokens, and how many tokens it brought.

    Tokens that arrive together, in one event or in several of one packet, share the time since those before. Before
    the first event there is none, so that its tokens have no gap; events of the same packet came 0 s after it. How many
    tokens an event brought is known where the server counts along; else all events are taken to bring equally many.
    """
    events = sum(arrival.events for arrival in arrivals)
    counts_along = all(arrival.counted is not None for arrival in arrivals)
    each = completion_tokens / events if completion_tokens and completion_tokens > events else 1.0
    gaps = []
    at_s, counted, seen = arrivals[0].at_s, arrivals[0].counted_first or 0, 1
    for arrival in arrivals:
        tokens = float((arrival.counted or 0) - counted) if counts_along else (arrival.events - seen) * each
        if tokens > 0:
            gaps.append(((arrival.at_s - at_s) / tokens, tokens))
            at_s = arrival.at_s
        counted, seen = arrival.counted or 0, 0
    return tuple(gaps)


def _events(packets: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """The data of each event, with the time of the packet in which it was complete."""
    ends: list[int] = []
    size = 0
    for _, part in packets:
        size += len(part)
        ends.append(size)
    body = b"".join(part for _, part in packets)
    if not body.endswith((b"\n", b"\r")):
        body += b"\n"
    data: list[bytes] = []
    at_s = 0.0
    for match in _LINE.finditer(body):
        line = match[1]
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
            at_s = packets[bisect_left(ends, min(match.end(1), size))][0]
        elif not line and data:
            yield at_s, b"\n".join(data)
            data = []
    if data:
        yield at_s, b"\n".join(data)


def _message(exchange: Exchange) -> str:
    """The server's words to a refusal."""
    body = b"".join(part for _, part in exchange.packets).decode("utf-8", "replace").strip()
    try:
        return _in_words(json.loads(body))
    except ValueError:
        return body


def _in_words(error: Any) -> str:
    """The message of an error, however deep it lies."""
    while isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("error") or json.dumps(dict(error))
    return str(error)
