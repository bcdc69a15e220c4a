"""One row for each request of a load, read from its body after the run: an error, or when its tokens came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.models.openai.format import BROKEN_OFF, count
from harness.models.openai.redaction import Redactor

if TYPE_CHECKING:
    from harness.stages.inference.load.generator import Ended

_LINE_ENDS = re.compile(rb"[\r\n]+")
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "text")
_LONGEST_SAID = 300


class Chunk(NamedTuple):
    """Tokens that arrived together, and when; the first event of an answer is a chunk of its own."""

    at_s: float
    tokens: float


@dataclass(frozen=True, slots=True)
class Row:
    """The course of one request, in seconds from the start of the measurement: an error, or chunks of tokens.

    Attributes:
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
    chunks: tuple[Chunk, ...] = ()
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
        return self.chunks[0].at_s - self.sent_s if self.chunks else None

    @property
    def ttft_scheduled_s(self) -> float | None:
        """From when it was to be begun to the first token."""
        return self.chunks[0].at_s - self.scheduled_s if self.chunks else None

    @property
    def e2e_s(self) -> float | None:
        """From sent to the end of the answer."""
        return None if self.error is not None else self.done_s - self.sent_s

    @property
    def gaps_s(self) -> tuple[tuple[float, float], ...]:
        """For each chunk after the first: the seconds for each of its tokens, and how many they are."""
        pairs = pairwise(self.chunks)
        return tuple(((chunk.at_s - before.at_s) / chunk.tokens, chunk.tokens) for before, chunk in pairs)

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
        return self.chunks[-1].at_s - self.chunks[0].at_s


class _Stream:
    """The events of a stream: `arrivals` has when those with tokens came, each with how many tokens the server had
    counted by then, None where it does not count along; `is_done` is set where the stream says that it ends, and
    `is_finished` where the answer says why it did.
    """

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, int | None]] = []
        self.usage: Mapping[str, Any] = {}
        self.is_done = self.is_finished = False

    def take(self, at_s: float, data: bytes) -> tuple[str, str] | None:
        """Take in one event; returns the failure that it tells of: its kind, and what is said of it."""
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
                if BROKEN_OFF.fullmatch(reason):
                    return "broken_off", f"the answer broke off (finish_reason {reason!r})"
                self.is_finished = True
            delta = choice.get("delta", choice)
            # A token may have no text yet, where a character is split.
            if any(delta.get(name) for name in _TEXTS) or grew:
                self.arrivals.append((at_s, counted))
        return None

    def chunks(self) -> Iterator[Chunk]:
        """Tokens as they came. Those that came together, in one event or in several of one packet, are one chunk.

        How many an event brought is known where the server counts along; else all are taken to bring equally many.
        """
        each = max(1.0, (count(self.usage.get("completion_tokens")) or 0) / len(self.arrivals))
        reached: Sequence[float] = [counted for _, counted in self.arrivals if counted is not None]
        if len(reached) < len(self.arrivals):
            reached = [each * number for number in range(1, len(self.arrivals) + 1)]
        before = reached[0]
        yield Chunk(self.arrivals[0][0], before)
        for at_s, tokens in {at_s: tokens for (at_s, _), tokens in zip(self.arrivals, reached, strict=True)}.items():
            if tokens > before:
                yield Chunk(at_s, tokens - before)
                before = tokens


def read_row(ended: Ended, redactor: Redactor, asked_tokens: int | None = None) -> Row:
    """The row of a request that has ended. docs/reference.md has the kinds of error.

    Args:
        redactor: takes the API key out of what the server says.
        asked_tokens: how many tokens the answer was to have exactly.
    """
    stream = _Stream()
    failure = _failure(ended, stream)
    row = Row(ended.index, ended.scheduled_s, ended.sent_s, ended.done_s, asked_tokens=asked_tokens)
    if failure is not None:
        return replace(row, error=failure[0], said=redactor.text(failure[1])[:_LONGEST_SAID])
    details = stream.usage.get("prompt_tokens_details")
    return replace(
        row,
        chunks=tuple(stream.chunks()),
        prompt_tokens=count(stream.usage.get("prompt_tokens")),
        completion_tokens=count(stream.usage.get("completion_tokens")),
        cached_tokens=count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
    )


def _failure(ended: Ended, stream: _Stream) -> tuple[str, str] | None:
    """Read the events of an answer; returns its failure."""
    body = b"".join(part for _, part in ended.packets).strip()
    was_cut = ended.error == "broken_off"
    if ended.error is not None and not was_cut:
        return ended.error, ended.said
    if ended.status not in (0, 200):
        return f"http_{ended.status}", _message(body)
    try:
        for at_s, data in _events(ended.packets):
            if failure := stream.take(at_s, data):
                return failure
    except (ValueError, LookupError, TypeError, AttributeError):
        if not was_cut:
            return "malformed", f"the stream has an event that is none of OpenAI's: {data[:80]!r}"
    if not stream.arrivals and (stream.is_finished or stream.is_done):
        return "empty", "the answer ended without a token"
    if stream.is_finished:
        return None
    return ("broken_off", ended.said) if was_cut else _unfinished(body)


def _unfinished(body: bytes) -> tuple[str, str]:
    """The failure of a stream that came to its end and is no whole answer."""
    if not body:
        return "empty", "the answer has no body"
    if body.startswith(b"{"):
        return "no_stream", "the answer came in one piece, though a stream was asked for"
    if b"data:" not in body:
        return "malformed", f"the answer is no event stream: {body[:80]!r}"
    return "broken_off", "the stream ended and no choice of it said why (finish_reason)"


def _events(packets: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """The data of each event, with the time of the packet in which its line came to its end."""
    rest = b""
    for at_s, part in [*packets, *((at_s, b"\n") for at_s, _ in packets[-1:])]:
        *lines, rest = _LINE_ENDS.split(rest + part)
        yield from ((at_s, line[5:].strip()) for line in lines if line.startswith(b"data:"))


def _message(body: bytes) -> str:
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
