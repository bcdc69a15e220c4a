"""Decides which failed requests are sent again, when, how fast requests may follow each other, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import http
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from harness.errors import TIMED_OUT, FailedDrawError

if TYPE_CHECKING:
    import aiohttp

_RETRIED = frozenset({408, 409, 425, 429})
_NEVER = frozenset({501, 505})
_NOT_RATE_LIMITS = frozenset({"insufficient_quota", "billing_not_active"})


class UnusableError(Exception):
    """An attempt that failed in a way that may pass: what `Endpoint.post` tries again.

    Attributes:
        status: the HTTP status, where there was one.
        retry_after_s: what the server asked to wait.
        refused: whether there was no connection at all.
        is_page: whether a web page came where JSON was asked for.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        refused: bool = False,
        is_page: bool = False,
    ) -> None:
        super().__init__(reason + _asked(retry_after_s))
        self.status = status
        self.retry_after_s = retry_after_s
        self.refused = refused
        self.is_page = is_page

    @property
    def brief(self) -> str:
        """The failure in a few words, without what the server said."""
        if self.status is not None:
            return f"HTTP {self.status} {_PHRASES.get(self.status, '')}".rstrip() + _asked(self.retry_after_s)
        if self.is_page:
            return "a web page instead of JSON"
        return "no connection" if self.refused else "no usable answer"


class MalformedResponseError(UnusableError):
    """A complete answer that is none. It seldom gets better: it is asked for again, but not as often."""


_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


def _asked(retry_after_s: float | None) -> str:
    return f", asked to wait {retry_after_s:,.0f} s" if retry_after_s and retry_after_s >= 0.5 else ""


@dataclass(slots=True)
class RequestHistory:
    """The history of one request.

    Attributes:
        attempts: that failed.
        malformed: those of them that ended in a complete answer that is none.
        spent_s: in them, and in waits of our own.
        asked_s: in waits that the server asked for.
    """

    attempts: int = 0
    spent_s: float = 0.0
    asked_s: float = 0.0
    malformed: int = 0

    def __str__(self) -> str:
        asked = f" and {self.asked_s:.0f} s of waiting as asked" if self.asked_s >= 0.5 else ""
        return f"{self.attempts} attempt{'s' if self.attempts != 1 else ''} in {self.spent_s:.0f} s{asked}"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rules for trying a request again: for how long, how often, and after what waits.

    With the defaults a request that fails at once is tried for a minute, 14 times or more. Waits that the server
    asks for (Retry-After) come on top of that, up to five minutes in all. A server that gives complete answers which
    are none is asked three times.

    Attributes:
        within_s: no new attempt once this much time went into attempts and the waits between them …
        least_attempts: … and this many were made.
        malformed_attempts: attempts that ended in a complete answer that is none, after which a request is given up;
            and the whole endpoint, where it never answered anything and sends web pages.
        refused_attempts: attempts after which an endpoint that never answered anything and accepts no connection is
            given up for good.
        first_delay_s: longest wait before the second attempt; doubled for each one after it.
        longest_delay_s: bound of that.
        longest_asked_s: a request that is asked to wait longer than this, all its waits together, is given up.
        failures_in_a_row: so many requests given up one after the other, and the endpoint is; one is enough where
            the last attempt found nobody listening.
        unanswered_in_a_row: so many requests that were sent and not answered in time, no other being answered
            meanwhile, and the endpoint is given up.
    """

    within_s: float = 60.0
    least_attempts: int = 3
    malformed_attempts: int = 3
    refused_attempts: int = 10
    first_delay_s: float = 0.25
    longest_delay_s: float = 4.0
    longest_asked_s: float = 300.0
    failures_in_a_row: int = 3
    unanswered_in_a_row: int = 10

    def delay_s(self, attempts: int, generator: random.Random) -> float:
        """Seconds to wait after so many failed attempts: exponential, with full jitter (Brooker 2015, AWS)."""
        bound = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempts - 1, 60))
        return generator.uniform(0, bound)

    def is_spent(self, tried: RequestHistory, asked_s: float = 0.0) -> bool:
        """Tell whether a request that went through this, and is asked to wait so long now, is given up."""
        if tried.asked_s + asked_s > self.longest_asked_s:
            return True
        if tried.malformed >= self.malformed_attempts:
            return True
        return tried.attempts >= self.least_attempts and tried.spent_s >= self.within_s


def is_retried(status: int) -> bool:
    """Tell by its HTTP status whether the same request may succeed later."""
    return status in _RETRIED or (status >= 500 and status not in _NEVER)


def http_status(error: object) -> int | None:
    """The HTTP status that an error in the body of an answer names, from 400 on; None where it names none.

    >>> http_status({"code": 502}), http_status({"status": "429"}), http_status({"code": "overloaded"})
    (502, 429, None)
    """
    named = [error.get(name) for name in ("code", "status")] if isinstance(error, Mapping) else []
    for code in named:
        number = int(code) if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3 else code
        if isinstance(number, int) and not isinstance(number, bool) and 400 <= number < 600:
            return number
    return None


def is_rate_limit(document: object) -> bool:
    """Tell whether an answer with HTTP 429 leaves hope: not where OpenAI's codes say that the account is empty."""
    error = document.get("error") if isinstance(document, Mapping) else None
    said = [error.get("code"), error.get("type")] if isinstance(error, Mapping) else []
    return not any(isinstance(each, str) and each in _NOT_RATE_LIMITS for each in said)


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Seconds of a Retry-After header, which is a number or an HTTP date; None where it is neither.

    Args:
        header: the header's value, or None.
        now_s: seconds since the epoch.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - now_s
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


class Clock:
    """Tells the seconds, from any start, and lets them pass."""

    def seconds(self) -> float:
        """The seconds by now."""
        return time.monotonic()

    async def wait(self, seconds: float, end: asyncio.Event) -> None:
        """Return after so many seconds, or when the end comes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await end.wait()


class RateLimiter:
    """Lets requests go one after the other, evenly, and holds all of them when the server says to wait.

    Args:
        per_minute: requests each minute; None for no bound.
        clock: seconds, from any start.
    """

    def __init__(self, per_minute: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 60.0 / per_minute if per_minute else 0.0
        self._next = -math.inf
        self._clock = clock

    def wait_s(self) -> float:
        """Take the next free place; the seconds until it comes."""
        now = self._clock()
        place = max(now, self._next)
        if self._interval_s or place > now:
            self._next = place + self._interval_s
        return place - now

    def hold(self, seconds: float) -> None:
        """Let no request go for so long."""
        self._next = max(self._next, self._clock() + seconds)


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
