"""Failed requests wait with jitter, honour the server's wish, and end in bounded time."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from harness.errors import FailedDrawError, UnreachableError
from harness.models.openai.retry import (
    RateLimiter,
    RequestHistory,
    RetryPolicy,
    TimeLimit,
    UnusableError,
    is_rate_limit,
    is_retried,
    retry_after_s,
)
from tests.loopback.faults import Fault
from tests.models.openai.engines import Start, ask, engine, with_engine


def test_what_may_pass_is_retried_and_what_stays_is_not() -> None:
    assert all(map(is_retried, (408, 409, 425, 429, 500, 502, 503, 504, 529)))
    assert not any(map(is_retried, (301, 400, 401, 403, 404, 413, 422, 501)))


@pytest.mark.parametrize(
    ("failure", "brief"),
    [
        (UnusableError("HTTP 429: slow down", status=429), "HTTP 429 Too Many Requests"),
        (
            UnusableError("HTTP 429: no", status=429, retry_after_s=60.0),
            "HTTP 429 Too Many Requests, asked to wait 60 s",
        ),
        (UnusableError("HTTP 503: <html>", status=503), "HTTP 503 Service Unavailable"),
        (UnusableError("HTTP 529: full", status=529), "HTTP 529"),
        (UnusableError("the answer is not JSON: <html>", is_page=True), "a web page instead of JSON"),
        (UnusableError("no connection (refused)", refused=True), "no connection"),
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


def test_ten_attempts_fit_into_a_minute_whatever_the_jitter() -> None:
    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    policy, tried = RetryPolicy(), RequestHistory()
    while not policy.is_spent(tried):
        tried.attempts += 1
        tried.spent_s += 0.5 + policy.delay_s(tried.attempts, Longest())
    assert tried.attempts >= 10
    assert tried.spent_s < 60 + 5


def test_what_times_out_or_comes_to_no_answer_is_tried_three_times() -> None:
    assert not RetryPolicy().is_spent(RequestHistory(2, 600))
    assert RetryPolicy().is_spent(RequestHistory(3, 900))
    assert not RetryPolicy().is_spent(RequestHistory(2, malformed=2))
    assert RetryPolicy().is_spent(RequestHistory(3, malformed=3))
    assert not RetryPolicy().is_spent(RequestHistory(5, malformed=2))


def test_waits_that_the_server_asks_for_are_honoured_for_five_minutes() -> None:
    asked, policy = RequestHistory(), RetryPolicy()
    while not policy.is_spent(asked, 60.0):
        asked = RequestHistory(asked.attempts + 1, asked.spent_s + 2.0, asked.asked_s + 60.0)
    assert str(asked) == "5 attempts in 10 s and 300 s of waiting as asked"
    assert not policy.is_spent(RequestHistory(1, 0.1), 300.0)
    assert policy.is_spent(RequestHistory(1, 0.1), 301.0)


@pytest.mark.parametrize("body", [{"error": {"type": "tokens", "code": 429}}, {"error": "slow"}, ["error"], None])
def test_a_429_without_a_code_for_an_empty_account_may_pass(body: object) -> None:
    assert is_rate_limit(body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("0.25", 0.25),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (format_datetime(datetime.fromtimestamp(1030, UTC), usegmt=True), 30.0),
        (format_datetime(datetime.fromtimestamp(970, UTC), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
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


def test_only_what_was_sent_and_noticed_in_time_is_a_draw() -> None:
    limit, now = TimeLimit(5.0, 10), time.perf_counter()
    sent, unsent, late = (limit.error("v at http://h", at) for at in ([now - 5.0], [], [now - 20.0]))
    assert isinstance(sent, FailedDrawError)
    assert str(sent).startswith("v at http://h: no complete answer within 5 s (timeout_s). It is not sent again")
    assert str(sent).endswith("Raise timeout_s, or ask for less at a time (--concurrency).")
    assert sent.cause == "a timeout"
    assert isinstance(unsent, UnusableError)
    assert str(unsent) == "no connection within 5 s (timeout_s)"
    assert isinstance(late, UnusableError)
    assert "noticed it late" in str(late)


def test_only_requests_during_which_no_other_was_answered_tell_of_silence() -> None:
    limit = TimeLimit(1.0, 2)
    began = time.perf_counter()
    limit.note_answer()
    for _ in range(9):
        limit.error("v", [began])
    assert limit.silence is None
    after = time.perf_counter()
    limit.error("v", [after])
    assert limit.silence is None
    limit.error("v", [after])
    assert str(limit.silence).startswith("is given up: 2 requests in a row got no complete answer within 1 s")
    limit.note_answer()
    assert limit.silence is None


@pytest.mark.service
def test_what_hangs_is_sent_once_and_an_endpoint_that_answers_nothing_is_given_up(loopback: Start) -> None:
    server = loopback(faults=(Fault("hang", rate=1),))
    requests = ((ask(f"Q{i}"), [0, 1]) for i in range(12))
    found = asyncio.run(with_engine(engine(server, timeout_s=1), *requests))
    assert [type(each) for each in found] == [FailedDrawError] * 9 + [UnreachableError] * 3
    assert "is given up: 10 requests in a row got no complete answer within 1 s (timeout_s), and no" in str(found[-1])
    assert found[-1].cause == "a timeout"
    assert server.stats["requests"] == 12
