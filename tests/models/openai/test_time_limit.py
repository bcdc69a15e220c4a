"""A request that was sent and not answered in time is a draw that failed; many in a row are a silent endpoint."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from harness.errors import FailedDrawError, UnreachableError
from harness.models.openai.retry import UnusableError
from harness.models.openai.time_limit import TimeLimit
from tests.loopback.faults import Fault
from tests.models.openai.engines import Start, ask, engine, with_engine

pytestmark = pytest.mark.service


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


def answers(server: Any, count: int, **options: Any) -> list[Any]:
    requests = ((ask(f"Q{i}"), [0, 1]) for i in range(count))
    return asyncio.run(with_engine(engine(server, **options), *requests))


def test_a_request_that_hangs_is_sent_once(loopback: Start) -> None:
    server = loopback(faults=(Fault("hang", first=1),))
    (found,) = answers(server, 1, timeout_s=1)
    assert isinstance(found, FailedDrawError)
    assert server.stats["requests"] == 1


@pytest.mark.nightly
def test_an_endpoint_of_which_some_hang_is_not_given_up(loopback: Start) -> None:
    server = loopback(faults=(Fault("hang", rate=0.5),))
    found = answers(server, 60, timeout_s=2)
    assert {type(each) for each in found} == {FailedDrawError, list}
    assert server.stats["requests"] == 60


def test_an_endpoint_that_answers_nothing_is_given_up(loopback: Start) -> None:
    found = answers(loopback(faults=(Fault("hang", rate=1),)), 12, timeout_s=1)
    assert [type(each) for each in found] == [FailedDrawError] * 9 + [UnreachableError] * 3
    assert "is given up: 10 requests in a row got no complete answer within 1 s (timeout_s), and no" in str(found[-1])
    assert found[-1].cause == "a timeout"
