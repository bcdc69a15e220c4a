"""Requests to an endpoint: tried again, given up, held back, and what is said of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from harness.errors import BudgetSpentError, EngineError, UnreachableError
from harness.gate.sampling.body_errors import BodyErrors
from harness.models.openai.retry import RetryPolicy
from tests.loopback import Fault
from tests.models.openai.engines import (
    KEY,
    HeldClock,
    Raw,
    Start,
    StillClock,
    ask,
    engine,
    engine_at,
    sample,
    with_engine,
)
from tests.waiting import until

pytestmark = pytest.mark.service


class TestRetries:
    @pytest.mark.parametrize("kind", ["429", "503", "drop", "truncated"])
    def test_what_may_pass_is_tried_again(self, loopback: Start, kind: str) -> None:
        server = loopback(faults=(Fault(kind, first=4),))
        assert sample(engine(server), ask())[0].text == "ok"
        assert server.stats["requests"] == 5

    @pytest.mark.parametrize("kind", ["500", "truncated"])
    def test_what_does_not_pass_is_an_error_that_says_what_happened(self, loopback: Start, kind: str) -> None:
        server = loopback(faults=(Fault(kind, rate=1),))
        said = {"500": "HTTP 500: injected 500", "truncated": "the connection broke"}[kind]
        nothing = (
            r"openai \(v\): the endpoint http://127\.0\.0\.1.* has answered nothing yet: a request failed after \d+ att"
        )
        with pytest.raises(UnreachableError, match=rf"{nothing}.*{said}"):
            sample(engine(server), ask())
        assert server.stats["requests"] >= 5

    @pytest.mark.parametrize("status", ["400", "404", "413", "422", "501"])
    def test_what_stays_is_an_error_at_once(self, loopback: Start, status: str) -> None:
        server = loopback(faults=(Fault(status, rate=1),))
        with pytest.raises(EngineError, match=rf"rejects the request \(HTTP {status}\): injected {status}"):
            sample(engine(server), ask())
        assert server.stats["requests"] == 1

    def test_many_requests_get_through_a_server_that_fails_often_in_six_ways(self, loopback: Start) -> None:
        kinds = ("429", "500", "truncated", "not-json", "no-choices", "drop")
        server = loopback(echo=True, faults=tuple(Fault(kind, rate=0.08) for kind in kinds))
        results = asyncio.run(with_engine(engine(server), *((ask(f"Q{i}"), [0]) for i in range(300))))
        assert [result[0].text for result in results] == [f"Q{i}" for i in range(300)]
        assert server.stats["faults"] > 100

    def test_retry_after_is_honoured_in_seconds_and_as_a_date(self, loopback: Start) -> None:
        assert min(self.waits(loopback, "0.3")) >= 0.3
        date = datetime.now(UTC) + timedelta(seconds=250)
        assert 100 < min(self.waits(loopback, format_datetime(date, usegmt=True))) <= 250

    def test_a_request_that_is_asked_to_wait_too_long_is_given_up(self, loopback: Start) -> None:
        with pytest.raises(EngineError, match=r"after 1 attempt in 0 s; the last: HTTP 429: .*, asked to wait 3,600 s"):
            self.waits(loopback, "3600")

    def waits(self, loopback: Start, retry_after: str) -> list[float]:
        clock = StillClock()
        sample(engine(loopback(faults=(Fault("429", first=1, retry_after=retry_after),)), clock=clock), ask())
        return clock.waits

    def test_a_rate_limit_holds_every_request(self, loopback: Start) -> None:
        clock = StillClock()
        one = engine(loopback(faults=(Fault("429", first=1, retry_after="60"),)), clock=clock)
        for prompt in ("first", "second"):
            sample(one, ask(prompt))
        first, again, second = clock.waits
        assert first >= again == second == 60

    def test_a_rate_limit_that_lets_others_through_is_waited_out(self, loopback: Start) -> None:
        """With two attempts for each and no such excuse, fewer than half would be answered."""
        policy = RetryPolicy(within_s=0, first_s=0, failures_in_a_row=1000)
        server = loopback(faults=(Fault("429", rate=0.75),))
        results = asyncio.run(with_engine(engine(server, policy=policy), *((ask(f"Q{i}"), [0]) for i in range(60))))
        answered = [result for result in results if not isinstance(result, BaseException)]
        assert len(answered) >= 36

    def test_requests_per_minute_are_kept(self, loopback: Start) -> None:
        clock = StillClock()
        one = engine(loopback(), requests_per_minute=1200, clock=clock)
        asyncio.run(with_engine(one, *((ask(f"Q{i}"), [0]) for i in range(6))))
        assert clock.waits == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25])


class TestDeadEndpoint:
    def test_nothing_listening_is_given_up_once_for_all(self, free_port: int) -> None:
        dead = engine_at(f"http://127.0.0.1:{free_port}/v1")
        results = asyncio.run(with_engine(dead, *((ask(f"Q{i}"), [0]) for i in range(50))))
        assert {type(result) for result in results} == {UnreachableError}
        assert all("can't be reached" in str(result) and str(free_port) in str(result) for result in results)
        assert dead.http_requests <= 50 * 10

    def test_an_address_without_the_path_or_model_can_not_be_reached(self, loopback: Start) -> None:
        server = loopback()
        wrong = engine_at(server.base_url + "/v1")
        with pytest.raises(UnreachableError, match="check model and base_url"):
            sample(wrong, ask())
        assert wrong.http_requests == 1

    def test_a_request_given_up_and_the_endpoint_given_up_after_it_have_one_cause(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("no-choices", rate=1),)), policy=RetryPolicy(failures_in_a_row=2))
        results = asyncio.run(with_engine(one, *((ask(f"Q{i}"), [0]) for i in range(4))))
        tally = BodyErrors()
        for step, error in enumerate(results):
            assert isinstance(error, EngineError)
            tally.add(step, error)
        assert {type(error) for error in results} == {EngineError, UnreachableError}
        (line,) = tally.lines(4, str)
        assert line.endswith("(4 bodies ended so, the texts differ; also in '1', '2', '3')")

    def test_those_that_wait_fail_with_the_first(self, free_port: int) -> None:
        policy = RetryPolicy(first_s=0, least_attempts=1)
        dead = engine_at(f"http://127.0.0.1:{free_port}", policy=policy, clock=HeldClock(), requests_per_minute=1)
        results = asyncio.run(with_engine(dead, *((ask(f"Q{i}"), [0]) for i in range(5))))
        assert {type(result) for result in results} == {UnreachableError}
        assert dead.http_requests == 1

    @pytest.mark.parametrize(("n", "said"), [(1, "1 request"), (3, "3 requests")])
    def test_it_says_which_requests_are_sent_again_and_why_as_long_as_they_are(
        self, free_port: int, n: int, said: str
    ) -> None:
        dead = engine_at(f"http://127.0.0.1:{free_port}", clock=HeldClock())

        async def run() -> None:
            await dead.start()
            assert dead.trouble == ""
            work = asyncio.gather(*(dead.sample(ask(f"Q{i}"), [0]) for i in range(n)))
            await until(lambda: dead.trouble == f"no connection, repeating {said}")
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert dead.trouble == ""
            await dead.close()

        asyncio.run(run())

    def test_a_web_page_instead_of_json_is_given_up_once_for_all(self) -> None:
        with Raw(200, b"<!doctype html><title>Welcome</title>", {"Content-Type": "text/html"}) as server:
            results = asyncio.run(with_engine(engine_at(server.address), *((ask(f"Q{i}"), [0]) for i in range(20))))
        assert {type(result) for result in results} == {UnreachableError}
        assert f"it probably lacks /v1, as in {server.address}/v1." in str(results[0])
        assert server.requests <= 20 * 10

    @pytest.mark.parametrize("kind", ["not-json", "no-choices", "500"])
    def test_what_an_endpoint_says_that_has_answered_is_asked_again_for_a_minute_whatever_it_is(
        self, loopback: Start, kind: str
    ) -> None:
        server, clock = loopback(faults=(Fault(kind, after=1),)), StillClock()
        one = engine(server, clock=clock)

        async def run() -> None:
            await one.start()
            await one.sample(ask("first"), [0])
            said = r"given up after \d\d attempts in [56]\d s; the last: (the answer|HTTP 500)"
            with pytest.raises(EngineError, match=said) as failed:
                await one.sample(ask(), [0])
            assert (kind == "not-json") == ("A web page came in place of an answer" in str(failed.value))
            await one.close()

        asyncio.run(run())
        assert 40 < sum(clock.waits) <= 60
        assert sum(clock.waits[:3]) < sum(clock.waits[-3:]) + 2

    @pytest.mark.parametrize(
        "body",
        [b'data: {"choices": []}\n\ndata: [DONE]\n\n', b'{"choices": [{"index": 0}], "error": {"code": 500}}'],
        ids=["an event stream", "an error beside choices"],
    )
    def test_what_never_answered_well_is_given_up_within_15_seconds(self, body: bytes) -> None:
        clock = StillClock()
        with Raw(200, body) as server:
            results = asyncio.run(with_engine(engine_at(server.address, clock=clock), *[(ask("Q"), [0])] * 3))
        assert UnreachableError in {type(result) for result in results}
        assert sum(clock.waits) <= 3 * 15

    def test_an_empty_account_that_is_told_as_vllm_tells_errors_is_given_up_at_once(self) -> None:
        said = {"object": "error", "message": "No credit.", "code": "insufficient_quota"}
        with (
            Raw(200, json.dumps(said).encode()) as server,
            pytest.raises(UnreachableError, match="answers nothing more"),
        ):
            server.sample(ask())
        assert server.requests == 1

    def test_an_empty_account_is_given_up_at_once_with_what_the_server_says(self) -> None:
        said = {
            "message": "You exceeded your current quota.",
            "type": "insufficient_quota",
            "code": "insufficient_quota",
        }
        with (
            Raw(429, json.dumps({"error": said}).encode(), {"Retry-After": "1"}) as server,
            pytest.raises(UnreachableError, match=r"answers nothing more \(HTTP 429: You exceeded your current quota"),
        ):
            server.sample(ask())
        assert server.requests == 1

    def test_an_endpoint_that_comes_up_late_is_waited_for(self, loopback: Start, free_port: int) -> None:
        class Starting(StillClock):
            async def wait(self, seconds: float, end: asyncio.Event) -> None:
                await super().wait(seconds, end)
                if len(self.waits) == 3:
                    loopback(port=free_port)

        assert sample(engine_at(f"http://127.0.0.1:{free_port}/v1", clock=Starting()), ask())[0].text == "ok"

    def test_a_model_that_is_loading_is_waited_for(self, loopback: Start) -> None:
        server, clock = loopback(faults=(Fault("loading", first=30),)), StillClock()
        assert sample(engine(server, clock=clock), ask())[0].text == "ok"
        assert 15 < sum(clock.waits) < 300

    def test_three_requests_in_a_row_that_fail_end_it(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("500", after=1),)))

        async def run() -> list[type]:
            await one.start()
            await one.sample(ask("first"), [0])
            kinds = []
            for index in range(4):
                with pytest.raises(EngineError) as failed:
                    await one.sample(ask(), [index])
                kinds.append(failed.type)
            await one.close()
            return kinds

        assert asyncio.run(run()) == [EngineError, EngineError, UnreachableError, UnreachableError]

    def test_one_request_that_finds_nobody_listening_any_more_ends_it_for_all(self, loopback: Start) -> None:
        """Whether they wait beside it or come later: the time is spent once."""
        server = loopback()
        one = engine(server)

        async def run() -> tuple[list[Any], int, int]:
            await one.start()
            await one.sample(ask(), [0])
            server.stop()
            beside = await asyncio.gather(*(one.sample(ask(f"Q{i}"), [0]) for i in range(5)), return_exceptions=True)
            spent = one.http_requests
            later = [await asyncio.gather(one.sample(ask(f"R{i}"), [0]), return_exceptions=True) for i in range(5)]
            await one.close()
            return [*beside, *(result for (result,) in later)], spent, one.http_requests

        results, spent, spent_later = asyncio.run(run())
        assert {type(result) for result in results} == {UnreachableError}
        assert "is gone: a request failed after" in str(results[0])
        assert spent == spent_later

    @pytest.mark.parametrize("key", [None, "sk-wrong"])
    def test_a_wrong_key_is_one_error_for_all(self, loopback: Start, key: str | None) -> None:
        server = loopback(api_key=KEY)
        one = engine(server, key=key, api_key_env="SOME_KEY")

        async def run() -> None:
            await one.start()
            for _ in range(3):
                with pytest.raises(UnreachableError, match=r"refuses access \(HTTP 401.*Check the key in SOME_KEY"):
                    await one.sample(ask(), [0])
            await one.close()

        asyncio.run(run())
        assert server.stats["requests"] == 1

    def test_an_engine_that_was_not_started_says_so(self, loopback: Start) -> None:
        with pytest.raises(EngineError, match="is not started"):
            asyncio.run(engine(loopback()).sample(ask(), [0]))


class TestHolding:
    """Once nothing more is to be sent, what was sent is answered and the rest ends with the reason."""

    def test_what_waits_for_its_turn_is_not_sent(self, loopback: Start) -> None:
        server = loopback(latency_s=0.1)
        held = engine(server, requests_per_minute=60, clock=HeldClock())

        async def run() -> list[Any]:
            await held.start()
            works = [asyncio.ensure_future(held.sample(ask(f"q{i}"), [0])) for i in range(3)]
            await until(lambda: server.stats["requests"])
            held.hold(BudgetSpentError("--deadline 1s"))
            try:
                return await asyncio.gather(*works, return_exceptions=True)
            finally:
                await held.close()

        first, *others = asyncio.run(run())
        assert first[0].text == "ok"
        assert [str(each) for each in others] == ["nothing more is asked for: --deadline 1s is spent"] * 2
        assert server.stats["requests"] == held.http_requests == 1

    def test_what_failed_is_not_sent_again(self, loopback: Start) -> None:
        server = loopback(faults=(Fault("503", first=1),))
        held = engine(server, clock=HeldClock())

        async def run() -> Any:
            await held.start()
            work = asyncio.ensure_future(held.sample(ask(), [0]))
            await until(lambda: held.trouble)
            held.hold(BudgetSpentError("--deadline 1s"))
            try:
                return (await asyncio.gather(work, return_exceptions=True))[0]
            finally:
                await held.close()

        assert isinstance(asyncio.run(run()), BudgetSpentError)
        assert server.stats["requests"] == 1
