"""What comes of requests that reach their time limit: draws that failed, or an endpoint that answers nothing more."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from harness.errors import TIMED_OUT, FailedDrawError
from harness.models.openai.retry import UnusableError

if TYPE_CHECKING:
    import aiohttp

_LATE_S = 2.0
"""Seconds that the limit may be noticed late; later, it was this process that had no time to read."""


class TimeLimit:
    """The seconds that each attempt may take, and the attempts that took longer.

    Args:
        seconds: the limit, `timeout_s`.
        most_unanswered: so many attempts in a row without an answer, no other being answered meanwhile, and the
            endpoint is silent.
    """

    def __init__(self, seconds: float, most_unanswered: int) -> None:
        self.seconds = seconds
        self._most_unanswered = most_unanswered
        self._unanswered_in_a_row = 0
        self._answered_s = 0.0

    def tracing(self) -> aiohttp.TraceConfig:
        """Notes when each request was sent, in the list that it is sent with as `trace_request_ctx`."""
        import aiohttp

        async def note(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
            context.trace_request_ctx.append(time.perf_counter())

        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(note)
        return tracing

    def note_answer(self) -> None:
        """Note that a request was answered just now."""
        self._unanswered_in_a_row = 0
        self._answered_s = time.perf_counter()

    @property
    def silence(self) -> str | None:
        """What tells that the endpoint answers nothing more; None while it does."""
        count = self._unanswered_in_a_row
        if count < self._most_unanswered:
            return None
        return (
            f"is given up: {count} requests in a row got no complete answer within {self.seconds:g} s (timeout_s), and "
            "no other did meanwhile. Is it overloaded? Raise timeout_s, or ask for less at a time (--concurrency)"
        )

    def error(self, where: str, sent: Sequence[float]) -> UnusableError | FailedDrawError:
        """The error of an attempt that reached the limit. It is not sent again once it had been sent.

        Args:
            where: the endpoint, in messages.
            sent: when it was sent; empty where there was no connection by then.
        """
        limit = f"{self.seconds:g} s (timeout_s)"
        if not sent:
            return UnusableError(f"no connection within {limit}")
        if time.perf_counter() - sent[0] > self.seconds + _LATE_S:
            return UnusableError(f"no complete answer within {limit}, and this process noticed it late")
        self._unanswered_in_a_row += self._answered_s < sent[0]
        return FailedDrawError(
            f"{where}: no complete answer within {limit}. It is not sent again: what is asked until it is quick enough "
            "seems never to be slow. Raise timeout_s, or ask for less at a time (--concurrency).",
            cause=TIMED_OUT,
        )
