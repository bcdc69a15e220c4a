"""One row for each request of a load: when it was to be begun and was, and when its tokens came or how it failed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from harness.models.openai.format import BROKEN_OFF, count
from harness.models.openai.redaction import Redactor

Packets = Sequence[tuple[float, bytes]]
_Arrival = tuple[float, int | None]
"""When an event with tokens came, and how many the server had counted by then; None where it does not count along."""
_LINE_ENDS = re.compile(rb"[\r\n]+")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "text")
_LONGEST_MESSAGE = 300


class Row(NamedTuple):
    """The course of one request, in seconds from the start of the measurement: an error, or chunks of tokens.

    Attributes:
        number: its place in the plan, from 0.
        sent_s: when it was begun; a connection that had to be opened comes after that.
        done_s: when its answer was complete, or it failed.
        chunks: when tokens arrived together, and how many; the first event of an answer is a chunk of its own.
        error: the kind of its failure; None for an answer. message: what the server said to it, shortened.
        prompt_tokens, completion_tokens, cached_tokens: as the server's usage counts them; None where it does not.
        asked_tokens: how many the answer was to have exactly; None where it could end by itself.
    """

    number: int
    scheduled_s: float
    sent_s: float
    done_s: float
    chunks: Sequence[tuple[float, float]] = ()
    error: str | None = None
    message: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    asked_tokens: int | None = None


def latencies(row: Row) -> dict[str, float]:
    """The seconds of an answer, by name; NaN for what it has not.

    schedule_delay: from when it was to be begun until it was. ttft: from sent to the first token, reasoning included;
    ttft_scheduled: from when it was to be begun. itl: the mean time between tokens. tpot: from the first token to the
    last, for each after the first that the usage counts. e2e: from sent to the end of the answer.
    """
    first_s, last_s = (row.chunks[0][0], row.chunks[-1][0]) if row.chunks else (math.nan, math.nan)
    return {
        "schedule_delay": row.sent_s - row.scheduled_s,
        "ttft": first_s - row.sent_s,
        "ttft_scheduled": first_s - row.scheduled_s,
        "itl": (last_s - first_s) / (sum(tokens for _, tokens in row.chunks[1:]) or math.nan),
        "tpot": (last_s - first_s) / (max(row.completion_tokens or 0, 1) - 1 or math.nan),
        "e2e": row.done_s - row.sent_s,
    }


class _NoAnswerError(Exception):
    """What came is no whole answer: its kind, and what is said of it."""


def read_row(row: Row, status: int, packets: Packets, redactor: Redactor) -> Row:
    """The row of a request that has ended. docs/reference/command-line.md has the kinds of error.

    Args:
        row: what the sender knows of it; its error is that of HTTP.
        packets: the parts of the answer's body, each with its time.
        redactor: takes the API key out of what the server says.
    """
    body = b"".join(part for _, part in packets).strip()
    try:
        if row.error not in (None, "broken_off"):
            raise _NoAnswerError(row.error, row.message)
        if status not in (0, 200):
            raise _NoAnswerError(f"http_{status}", _in_words(body))
        arrivals, usage = _read_stream(row, packets, body)
    except _NoAnswerError as failure:
        error, message = failure.args
        return row._replace(error=error, message=redactor.text(message)[:_LONGEST_MESSAGE])
    details = usage.get("prompt_tokens_details")
    return row._replace(
        chunks=_chunks(arrivals, usage),
        error=None,
        message="",
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=count(usage.get("completion_tokens")),
        cached_tokens=count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
    )


def _read_stream(row: Row, packets: Packets, body: bytes) -> tuple[list[_Arrival], Mapping[str, Any]]:
    """The events with tokens, and the usage. An answer is whole where a choice of it says why it ended."""
    arrivals, usage, is_done, is_finished = list[_Arrival](), dict[str, Any](), False, False
    try:
        for at_s, data in _events(packets):
            if data == b"[DONE]":
                is_done = True
                continue
            event = json.loads(data)
            if event.get("error"):
                raise _NoAnswerError("error_event", _in_words(event["error"]))
            reported, counted, grew = event.get("usage"), None, False
            if isinstance(reported, dict):
                counted = count(reported.get("completion_tokens"))
                grew = (counted or 0) > (count(usage.get("completion_tokens")) or 0)
                usage = reported
            for choice in event["choices"] if reported is None else event.get("choices") or ():
                is_finished |= _is_finished(choice)
                # A token may have no text yet, where a character is split.
                if grew or any(choice.get("delta", choice).get(name) for name in _TEXTS):
                    arrivals.append((at_s, counted))
    except (ValueError, LookupError, TypeError, AttributeError):
        if row.error is None:
            message = f"the stream has an event that is none of OpenAI's: {data[:80]!r}"
            raise _NoAnswerError("malformed", message) from None
    if not arrivals and (is_finished or is_done):
        raise _NoAnswerError("empty", "the answer ended without a token")
    if not is_finished:
        raise _NoAnswerError(*((row.error, row.message) if row.error else _unfinished(body)))
    return arrivals, usage


def _unfinished(body: bytes) -> tuple[str, str]:
    """The failure of a stream that came to its end and is no whole answer."""
    if not body:
        return "empty", "the answer has no body"
    if body.startswith(b"{"):
        return "no_stream", "the answer came in one piece, though a stream was asked for"
    if b"data:" not in body:
        return "malformed", f"the answer is no event stream: {body[:80]!r}"
    return "broken_off", "the stream ended and no choice of it said why (finish_reason)"


def _is_finished(choice: Mapping[str, Any]) -> bool:
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and BROKEN_OFF.fullmatch(reason):
        raise _NoAnswerError("broken_off", f"the answer broke off (finish_reason {reason!r})")
    return isinstance(reason, str) and bool(reason)


def _chunks(arrivals: Sequence[_Arrival], usage: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Tokens as they came. Those that came together, in one event or in several of one packet, are one chunk.

    How many an event brought is known where the server counts along; else all are taken to bring equally many.
    """
    each = max(1.0, (count(usage.get("completion_tokens")) or 0) / len(arrivals))
    counted = [tokens for _, tokens in arrivals if tokens is not None]
    evenly = [each * number for number in range(1, len(arrivals) + 1)]
    reached = counted if len(counted) == len(arrivals) else evenly
    chunks = [(arrivals[0][0], before := float(reached[0]))]
    for at_s, tokens in {at_s: tokens for (at_s, _), tokens in zip(arrivals, reached, strict=True)}.items():
        if tokens > before:
            chunks.append((at_s, tokens - before))
            before = tokens
    return chunks


def _events(packets: Packets) -> Iterator[tuple[float, bytes]]:
    """The data of each event, with the time of the packet in which its line came to its end."""
    rest = b""
    for at_s, part in [*packets, *((at_s, b"\n") for at_s, _ in packets[-1:])]:
        *lines, rest = _LINE_ENDS.split(rest + part)
        yield from ((at_s, line[5:].strip()) for line in lines if line.startswith(b"data:"))


def _in_words(error: Any) -> str:
    """The message of an error, however deep it lies; of a body, the text that it is where it is no JSON."""
    if isinstance(error, bytes):
        error = error.decode("utf-8", "replace")
        with suppress(ValueError):
            error = json.loads(error)
    while isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("error") or json.dumps(dict(error))
    return str(error)
