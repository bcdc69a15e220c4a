"""The table of faults: which failed requests are sent again, when, for how long, and what is given up in the end."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import http
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple


class Fault(NamedTuple):
    """What is done about one kind of fault."""

    brief: str  # in a few words; "" for those of its HTTP status
    again: bool  # it may pass: the request is sent again, for a minute where the endpoint has answered well before
    first_attempts: int | None  # the most to one that has not; None for as many as there are in 15 seconds
    ends: Literal["request", "endpoint"]  # what is given up then
    never: str = "has answered nothing yet"  # what is then said of the endpoint


FaultName = Literal["refused", "broken", "busy", "loading", "limited", "page", "malformed", "rejected", "closed"]
FAULTS: Mapping[FaultName, Fault] = MappingProxyType(
    {
        # nobody listens
        "refused": Fault("no connection", True, None, "endpoint", "can't be reached"),
        # no connection in time, one that ended too early
        "broken": Fault("no usable answer", True, None, "endpoint"),
        # 408, 409, 425, 5xx
        "busy": Fault("", True, None, "endpoint"),
        # a 503 that says so: waited for as long as a server may ask for
        "loading": Fault("the model is loading", True, None, "endpoint"),
        # 429; it costs no attempt while it lets others through
        "limited": Fault("", True, None, "endpoint"),
        # where JSON was asked for
        "page": Fault("a web page instead of JSON", True, 3, "endpoint", "is no API"),
        # a complete answer that is none: it may be this question's alone
        "malformed": Fault("no usable answer", True, 3, "request"),
        # 4xx, 501, 505, redirects
        "rejected": Fault("", False, 1, "request"),
        # 401, 403, an empty account, no valid certificate, no address
        "closed": Fault("", False, 1, "endpoint"),
    }
)
_PASSING = frozenset({408, 409, 425})
_NEVER = frozenset({501, 505})
_EMPTY_ACCOUNT = ("insufficient_quota", "billing_not_active")
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


def fault_of(status: int, document: Any = None) -> FaultName:
    """The fault that an HTTP status is, with the answer that has it.

    >>> fault_of(503), fault_of(503, {"error": {"message": "Loading model"}}), fault_of(404), fault_of(401)
    ('busy', 'loading', 'rejected', 'closed')
    """
    if status in (401, 403):
        return "closed"
    if status == 429:
        return "limited"
    if status == 503 and isinstance(document, dict) and "loading" in str(document).lower():
        return "loading"
    return "busy" if status in _PASSING or (status >= 500 and status not in _NEVER) else "rejected"


class UnusableError(Exception):
    """An attempt that came to no answer; `names` are words of `endpoint.TELLING` that a refusal holds."""

    def __init__(
        self,
        reason: str,
        fault: FaultName = "malformed",
        *,
        status: int = 0,
        retry_after_s: float = 0.0,
        names: frozenset[str] = frozenset(),
    ) -> None:
        self._asked = f", asked to wait {retry_after_s:,.0f} s" if retry_after_s >= 0.5 else ""
        super().__init__(reason + self._asked)
        self.fault, self.status, self.retry_after_s, self.names = fault, status, retry_after_s, names

    @property
    def brief(self) -> str:
        """The failure in a few words, without what the server said."""
        status = f"HTTP {self.status} {_PHRASES.get(self.status, '')}".rstrip() + self._asked
        return FAULTS[self.fault].brief or status


@dataclass(slots=True)
class RequestHistory:
    """The failed attempts of one request: seconds spent in them and in waits of our own, and in waits that the server
    asked for.
    """

    attempts: int = 0
    spent_s: float = 0.0
    asked_s: float = 0.0

    def __str__(self) -> str:
        asked = f" and {self.asked_s:.0f} s of waiting as asked" if self.asked_s >= 0.5 else ""
        return f"{self.attempts} attempt{'s' if self.attempts != 1 else ''} in {self.spent_s:.0f} s{asked}"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rules for trying a request again, as `FAULTS` has them, in numbers."""

    within_s: float = 60.0
    """Time for attempts and the waits between them, if an endpoint has answered before …"""
    first_s: float = 15.0
    """… and if it has not …"""
    least_attempts: int = 2
    """… unless fewer than these were made. Waits that the server asks for come on top."""
    first_delay_s: float = 0.25
    """Longest wait before the second attempt; doubled for each one after it, up to the next."""
    longest_delay_s: float = 4.0
    longest_asked_s: float = 300.0
    """What a server may ask a request to wait, all its waits together; and for a model that is loading."""
    failures_in_a_row: int = 3
    """Requests given up one after the other, with which the endpoint is."""
    unanswered_in_a_row: int = 10
    """Requests that were sent and not answered in time, no other being answered meanwhile, likewise."""

    def delay_s(self, attempts: int, generator: random.Random) -> float:
        """Seconds to wait after so many failed attempts: exponential, with full jitter (Brooker 2015, AWS)."""
        return generator.uniform(0, min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempts - 1, 60)))

    def is_spent(self, tried: RequestHistory, failure: UnusableError, delay_s: float, *, has_answered: bool) -> bool:
        """Tell whether a request that failed in the end like this is given up, in place of a wait for so long."""
        fault = FAULTS[failure.fault]
        if not fault.again or tried.asked_s + failure.retry_after_s > self.longest_asked_s:
            return True
        if not has_answered and fault.first_attempts is not None and tried.attempts >= fault.first_attempts:
            return True
        limit_s = self.within_s if has_answered else self.first_s
        limit_s = self.longest_asked_s if failure.fault == "loading" else limit_s
        return tried.attempts >= self.least_attempts and tried.spent_s + delay_s > limit_s


def http_status(error: object) -> int | None:
    """The HTTP status that an error in the body of an answer names, from 400 on; None where it names none.

    >>> http_status({"code": 502}), http_status({"status": "429"}), http_status({"code": "overloaded"})
    (502, 429, None)
    """
    named = [str(error.get(name)) for name in ("code", "status")] if isinstance(error, Mapping) else []
    return next((int(text) for text in named if text.isdecimal() and 400 <= int(text) < 600), None)


def is_account_empty(document: Any) -> bool:
    """Tell by OpenAI's codes whether the account is, so that no wait helps."""
    is_error = isinstance(document, Mapping) and document.get("object") == "error"
    error = document if is_error else document.get("error") if isinstance(document, Mapping) else None
    return isinstance(error, Mapping) and any(error.get(name) in _EMPTY_ACCOUNT for name in ("code", "type"))


def retry_after_s(header: str | None, now_s: float) -> float:
    """Seconds of a Retry-After header, which is a number or an HTTP date; 0 where it is neither, or is not there."""
    with contextlib.suppress(ValueError, OverflowError):
        try:
            seconds = float(header or "0")
        except ValueError:
            seconds = email.utils.parsedate_to_datetime(header or "").timestamp() - now_s
        return max(0.0, seconds) if math.isfinite(seconds) else 0.0
    return 0.0


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
    """Lets requests go one after the other, evenly, and holds all of them when the server says to wait."""

    def __init__(self, per_minute: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 60.0 / per_minute if per_minute else 0.0
        self._next, self._clock = -math.inf, clock

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
