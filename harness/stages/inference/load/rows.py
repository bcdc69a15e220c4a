"""One row for each request of a load: when it was to be begun and was, and when its tokens came or how it failed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from harness.models.openai.format import BROKEN_OFF, count
from harness.models.openai.redaction import Redactor

Packets = Sequence[tuple[float, bytes]]
_LINE_ENDS = re.compile(rb"[\r\n]+")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "text")
_LONGEST_SAID = 300


class Row(NamedTuple):
    """The course of one request, in seconds from the start of the measurement: an error, or chunks of tokens.

    Attributes:
        chunks: when tokens arrived together, and how many; the first event of an answer is a chunk of its own.
        index: its place in the plan, from 0.
        sent_s: when it was begun; a connection that had to be opened comes after that.
        done_s: when its answer was complete, or it failed.
        error: the kind of its failure; None for an answer. said: what the server said to it, shortened.
        prompt_tokens, completion_tokens, cached_tokens: as the server's usage counts them; None where it does not.
        asked_tokens: how many the answer was to have exactly; None where it could end by itself.
    """

    index: int
    scheduled_s: float
    sent_s: float
    done_s: float
    chunks: Sequence[tuple[float, float]] = ()
    error: str | None = None
    said: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    asked_tokens: int | None = None

    @property
    def delay_s(self) -> float:
        """How much later than planned it was begun."""
        return self.sent_s - self.scheduled_s

    @property
    def ttft_s(self) -> float | None:
        """From sent to the first token, reasoning included."""
        return self.chunks[0][0] - self.sent_s if self.chunks else None

    @property
    def ttft_scheduled_s(self) -> float | None:
        """From when it was to be begun to the first token."""
        return self.chunks[0][0] - self.scheduled_s if self.chunks else None

    @property
    def e2e_s(self) -> float | None:
        """From sent to the end of the answer."""
        return None if self.error is not None else self.done_s - self.sent_s

    @property
    def gaps_s(self) -> list[tuple[float, float]]:
        """For each chunk after the first: the seconds for each of its tokens, and how many they are."""
        return [((at_s - before_s) / tokens, tokens) for (before_s, _), (at_s, tokens) in pairwise(self.chunks)]

    @property
    def itl_s(self) -> float | None:
        """The mean time between tokens; None for a single chunk."""
        return self._decoding_s / sum(tokens for _, tokens in self.chunks[1:]) if self.chunks[1:] else None

    @property
    def tpot_s(self) -> float | None:
        """From the first token to the last, for each token after the first; None where no usage counts two."""
        counted = self.completion_tokens or 0
        return self._decoding_s / (counted - 1) if self.chunks and counted > 1 else None

    @property
    def _decoding_s(self) -> float:
        return self.chunks[-1][0] - self.chunks[0][0]


class _NoAnswerError(Exception):
    """What came is no whole answer: its kind, and what is said of it."""


def read_row(row: Row, status: int, packets: Packets, redactor: Redactor) -> Row:
    """The row of a request that has ended. docs/reference.md has the kinds of error.

    Args:
        row: what the sender knows of it; its error is that of HTTP.
        packets: the parts of the answer's body, each with its time.
        redactor: takes the API key out of what the server says.
    """
    try:
        if row.error not in (None, "broken_off"):
            raise _NoAnswerError(row.error, row.said)
        if status not in (0, 200):
            raise _NoAnswerError(f"http_{status}", _in_words(_body(packets)))
        arrivals, usage = _read_stream(row, packets)
    except _NoAnswerError as failure:
        error, said = failure.args
        return row._replace(error=error, said=redactor.text(said)[:_LONGEST_SAID])
    details = usage.get("prompt_tokens_details")
    return row._replace(
        chunks=tuple(_chunks(arrivals, usage)),
        error=None,
        said="",
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=count(usage.get("completion_tokens")),
        cached_tokens=count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
    )


def _read_stream(row: Row, packets: Packets) -> tuple[list[tuple[float, int | None]], Mapping[str, Any]]:
    """When the events with tokens came, each with how many tokens the server had counted by then (None where it does
    not count along), and the usage. An answer is whole where a choice of it says why it ended.
    """
    arrivals, usage, is_done, is_finished = list[tuple[float, int | None]](), dict[str, Any](), False, False
    try:
        for at_s, data in _events(packets):
            if data == b"[DONE]":
                is_done = True
                continue
            event = json.loads(data)
            if event.get("error"):
                raise _NoAnswerError("error_event", _in_words(event["error"]))
            told, counted, grew = event.get("usage"), None, False
            if isinstance(told, dict):
                counted = count(told.get("completion_tokens"))
                grew = (counted or 0) > (count(usage.get("completion_tokens")) or 0)
                usage = told
            for choice in event["choices"] if told is None else event.get("choices") or ():
                is_finished |= _is_finished(choice)
                # A token may have no text yet, where a character is split.
                if grew or any(choice.get("delta", choice).get(name) for name in _TEXTS):
                    arrivals.append((at_s, counted))
    except (ValueError, LookupError, TypeError, AttributeError):
        if row.error is None:
            raise _NoAnswerError(
                "malformed", f"the stream has an event that is none of OpenAI's: {data[:80]!r}"
            ) from None
    if not arrivals and (is_finished or is_done):
        raise _NoAnswerError("empty", "the answer ended without a token")
    if not is_finished:
        raise _NoAnswerError(*((row.error, row.said) if row.error else _unfinished(_body(packets))))
    return arrivals, usage


def _is_finished(choice: Mapping[str, Any]) -> bool:
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason.lower() in BROKEN_OFF:
        raise _NoAnswerError("broken_off", f"the answer broke off (finish_reason {reason!r})")
    return isinstance(reason, str) and bool(reason)


def _unfinished(body: bytes) -> tuple[str, str]:
    """The failure of a stream that came to its end and is no whole answer."""
    if not body:
        return "empty", "the answer has no body"
    if body.startswith(b"{"):
        return "no_stream", "the answer came in one piece, though a stream was asked for"
    if b"data:" not in body:
        return "malformed", f"the answer is no event stream: {body[:80]!r}"
    return "broken_off", "the stream ended and no choice of it said why (finish_reason)"


def _chunks(arrivals: Sequence[tuple[float, int | None]], usage: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """Tokens as they came. Those that came together, in one event or in several of one packet, are one chunk.

    How many an event brought is known where the server counts along; else all are taken to bring equally many.
    """
    each = max(1.0, (count(usage.get("completion_tokens")) or 0) / len(arrivals))
    counts_along = all(counted is not None for _, counted in arrivals)
    reached = [
        (at_s, float(counted or 0) if counts_along else each * number)
        for number, (at_s, counted) in enumerate(arrivals, 1)
    ]
    first_s, before = reached[0]
    yield first_s, before
    for at_s, tokens in dict(reached).items():
        if tokens > before:
            yield at_s, tokens - before
            before = tokens


def _body(packets: Packets) -> bytes:
    return b"".join(part for _, part in packets).strip()


def _events(packets: Packets) -> Iterator[tuple[float, bytes]]:
    """The data of each event, with the time of the packet in which its line came to its end."""
    rest = b""
    for at_s, part in [*packets, *((at_s, b"\n") for at_s, _ in packets[-1:])]:
        *lines, rest = _LINE_ENDS.split(rest + part)
        yield from ((at_s, line[5:].strip()) for line in lines if line.startswith(b"data:"))


def _in_words(error: Any) -> str:
    """The message of an error, however deep it lies."""
    if isinstance(error, bytes):
        error = error.decode("utf-8", "replace")
        try:
            error = json.loads(error)
        except ValueError:
            return str(error)
    while isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("error") or json.dumps(dict(error))
    return str(error)
