"""Failed requests wait with jitter, honour the server's wish, and end in bounded time."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from harness.errors import FailedDrawError, UnreachableError
from harness.models.openai.retry import (
    FAULTS,
    FaultName,
    RateLimiter,
    RequestHistory,
    RetryPolicy,
    UnusableError,
    fault_of,
    is_account_empty,
    retry_after_s,
)
from tests.loopback.faults import Fault
from tests.models.openai.engines import Start, ask, engine, with_engine


def test_what_may_pass_is_sent_again_and_what_stays_is_not() -> None:
    again = {status: FAULTS[fault_of(status)].again for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)}
    assert set(again.values()) == {True}
    assert not any(FAULTS[fault_of(status)].again for status in (301, 400, 401, 403, 404, 413, 422, 501))


@pytest.mark.parametrize(
    ("failure", "brief"),
    [
        (UnusableError("HTTP 429: slow down", "limited", status=429), "HTTP 429 Too Many Requests"),
        (
            UnusableError("HTTP 429: no", "limited", status=429, retry_after_s=60.0),
            "HTTP 429 Too Many Requests, asked to wait 60 s",
        ),
        (UnusableError("HTTP 503: <html>", "busy", status=503), "HTTP 503 Service Unavailable"),
        (UnusableError("HTTP 529: full", "busy", status=529), "HTTP 529"),
        (UnusableError("the answer is not JSON: <html>", "page"), "a web page instead of JSON"),
        (UnusableError("no connection (refused)", "refused"), "no connection"),
        (UnusableError("the answer holds no choices"), "no usable answer"),
    ],
)
def test_a_failed_attempt_says_in_brief_what_went_wrong(failure: UnusableError, brief: str) -> None:
    assert failure.brief == brief


def test_delays_are_uniform_below_a_doubling_bound() -> None:
    policy, generator = RetryPolicy(first_delay_s=1, longest_delay_s=8), random.Random(1)
    for attempts, bound in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (1000, 8)):
        delays = [policy.delay_s(attempts, generator) for _ in range(2000)]
        assert 0 <= min(delays) < 0.01 * bound
        assert 0.99 * bound < max(delays) <= bound
        assert sum(delays) / 2000 == pytest.approx(bound / 2, rel=0.05)


def attempts_of(fault: FaultName, *, has_answered: bool, took_s: float = 0.0) -> RequestHistory:
    """The attempts of a request that always fails like this, with waits as long as they may be."""

    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    policy, tried, failure = RetryPolicy(), RequestHistory(), UnusableError("it broke", fault)
    while True:
        tried.attempts += 1
        tried.spent_s += took_s
        delay_s = policy.delay_s(tried.attempts, Longest())
        if policy.is_spent(tried, failure, delay_s, has_answered=has_answered):
            return tried
        tried.spent_s += delay_s


ASKED_AGAIN = [name for name, fault in FAULTS.items() if fault.again and name != "loading"]


@pytest.mark.parametrize("fault", ASKED_AGAIN)
def test_an_endpoint_that_has_answered_is_asked_again_for_a_minute_whatever_came(fault: FaultName) -> None:
    tried = attempts_of(fault, has_answered=True, took_s=0.5)
    assert tried.attempts >= 10
    assert 50 < tried.spent_s <= 60.5


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "loading"])
def test_one_that_has_not_is_given_up_within_15_seconds(fault: FaultName) -> None:
    tried = attempts_of(fault, has_answered=False)
    assert tried.spent_s <= 15
    most = FAULTS[fault].first_attempts
    assert tried.attempts == most if most is not None else tried.attempts >= 5


def test_a_model_that_is_loading_is_waited_for_whether_it_has_answered_or_not() -> None:
    for has_answered in (False, True):
        assert 290 < attempts_of("loading", has_answered=has_answered).spent_s <= 300


def test_what_is_slow_to_fail_is_tried_twice() -> None:
    assert attempts_of("busy", has_answered=True, took_s=600).attempts == 2
    assert attempts_of("busy", has_answered=False, took_s=600).attempts == 2


def test_waits_that_the_server_asks_for_are_honoured_for_five_minutes() -> None:
    asked, policy, failure = RequestHistory(), RetryPolicy(), UnusableError("", "limited", retry_after_s=60.0)
    while not policy.is_spent(asked, failure, 0.0, has_answered=True):
        asked = RequestHistory(asked.attempts + 1, asked.spent_s + 2.0, asked.asked_s + 60.0)
    assert str(asked) == "5 attempts in 10 s and 300 s of waiting as asked"


@pytest.mark.parametrize("body", [{"error": {"type": "tokens", "code": 429}}, {"error": "slow"}, ["error"], None])
def test_a_429_without_a_code_for_an_empty_account_may_pass(body: object) -> None:
    assert not is_account_empty(body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("2", 2.0),
        ("0.25", 0.25),
        ("-3", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        (format_datetime(datetime.fromtimestamp(1030, UTC), usegmt=True), 30.0),
        (format_datetime(datetime.fromtimestamp(970, UTC), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, 1000.0) == seconds


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_pace_gives_places_evenly() -> None:
    pace = RateLimiter(per_minute=60, clock=Clock())
    assert [pace.wait_s() for _ in range(5)] == [0, 1, 2, 3, 4]


def test_a_pace_saves_no_places_for_later() -> None:
    clock = Clock()
    pace = RateLimiter(per_minute=60, clock=clock)
    pace.wait_s()
    clock.now += 10
    assert [pace.wait_s() for _ in range(3)] == [0, 1, 2]


def test_a_hold_keeps_all_waiting() -> None:
    clock = Clock()
    pace = RateLimiter(clock=clock)
    pace.hold(5)
    assert [pace.wait_s() for _ in range(3)] == [5, 5, 5]
    clock.now += 6
    assert pace.wait_s() == 0


@pytest.mark.service
def test_what_hangs_is_sent_once_and_an_endpoint_that_answers_nothing_is_given_up(loopback: Start) -> None:
    server = loopback(faults=(Fault("hang", rate=1),))
    requests = ((ask(f"Q{i}"), [0, 1]) for i in range(12))
    found = asyncio.run(with_engine(engine(server, timeout_s=1), *requests))
    assert [type(each) for each in found] == [FailedDrawError] * 9 + [UnreachableError] * 3
    assert "is given up: 10 requests in a row got no complete answer within 1 s (timeout_s), and no" in str(found[-1])
    assert found[-1].cause == "a timeout"
    assert server.stats["requests"] == 12
