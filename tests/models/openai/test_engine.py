"""The openai engine against a server that answers, lies, stumbles and dies."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

import pytest

from harness.errors import BudgetSpentError, CapabilityError, EngineError, SettingsError, UnreachableError
from harness.gate.sampling.body_errors import BodyErrors
from harness.models.engine import Capability
from harness.models.openai.engine import OpenAIEngine
from harness.models.openai.retry import RetryPolicy
from harness.records import Request, Sample
from tests.loopback import Fault, Loopback

pytestmark = pytest.mark.slow

Start = Callable[..., Loopback]

QUICK = RetryPolicy(within_s=0.3, least_attempts=10, first_delay_s=0.001, longest_delay_s=0.01)
KEY = "sk-very-secret-0123456789"


def ask(prompt: str = "Q", **fields: Any) -> Request:
    return Request(messages=({"role": "user", "content": prompt},), **fields)


def engine(server: Loopback, *, policy: RetryPolicy = QUICK, key: str | None = None, **options: Any) -> OpenAIEngine:
    return OpenAIEngine("openai (v)", server.settings(**options), api_key=key, policy=policy)


async def with_engine(engine: OpenAIEngine, *requests: tuple[Request, Sequence[int]]) -> list[Any]:
    """What all requests at once give; errors among the results."""
    await engine.start()
    try:
        return await asyncio.gather(*(engine.sample(*request) for request in requests), return_exceptions=True)
    finally:
        await engine.close()


def sample(engine: OpenAIEngine, request: Request, indices: Sequence[int] = (0,)) -> list[Sample]:
    (result,) = asyncio.run(with_engine(engine, (request, indices)))
    if isinstance(result, BaseException):
        raise result
    return result


class TestAnswers:
    def test_one_request_gives_n_choices(self, loopback: Start) -> None:
        server = loopback(answers={"Q": {"yes": 0.5, "no": 0.5}})
        samples = sample(engine(server), ask(), range(3, 13))
        assert [sample.index for sample in samples] == list(range(3, 13))
        assert {sample.text for sample in samples} == {"yes", "no"}
        assert server.stats["requests"] == 1

    def test_sampling_reaches_the_server(self, loopback: Start) -> None:
        server = loopback()
        sample(engine(server), ask(sampling={"temperature": 0.3, "top_p": 0.9, "stop": ["x"]}))
        (payload,) = server.received
        assert payload == {
            "model": "loopback",
            "messages": [{"role": "user", "content": "Q"}],
            "temperature": 0.3,
            "top_p": 0.9,
            "stop": ["x"],
        }

    def test_a_cut_answer_is_marked_and_its_tokens_are_counted(self, loopback: Start) -> None:
        server = loopback(default="one two three")
        (cut,) = sample(engine(server), ask("a b", sampling={"max_tokens": 2}))
        assert (cut.text, cut.truncated, cut.prompt_tokens, cut.completion_tokens) == ("one two", True, 2, 2)
        assert cut.latency_s is not None
        assert cut.latency_s > 0

    def test_logprobs_come_with_alternatives(self, loopback: Start) -> None:
        server = loopback(answers={"Q": {"yes": 0.75, "no": 0.25}})
        (first,) = sample(engine(server), ask(logprobs=2))
        (token,) = first.logprobs or ()
        assert token.top == (("yes", pytest.approx(math.log(0.75))), ("no", pytest.approx(math.log(0.25))))

    def test_reasoning_and_tool_calls_come_through(self, loopback: Start) -> None:
        tool = {"type": "function", "function": {"name": "look"}}
        server = loopback(reasoning="hm", reasoning_field="reasoning", call_tools=True)
        (thought,) = sample(engine(server), ask())
        (called,) = sample(engine(server), ask(tools=(tool,)))
        assert (thought.text, thought.reasoning) == ("ok", "hm")
        assert called.tool_calls is not None
        assert called.tool_calls[0]["function"]["name"] == "look"

    @pytest.mark.parametrize("text", ["\x00\ud800\x1b[31m\u202e", "x" * 1_000_000, ""])
    def test_strange_prompts_and_answers_come_through_unchanged(self, loopback: Start, text: str) -> None:
        (echoed,) = sample(engine(loopback(echo=True)), ask(text))
        assert echoed.text == text

    def test_http_requests_are_counted_with_their_retries(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("500", first=2),)))
        sample(one, ask())
        assert one.http_requests == 3


class TestChoices:
    def test_temperature_0_asks_for_one_at_a_time(self, loopback: Start) -> None:
        assert engine(loopback()).choices_per_request(ask(sampling={"temperature": 0})) == 1

    def test_a_seed_asks_for_one_at_a_time_and_counts_up(self, loopback: Start) -> None:
        server = loopback()
        one, seeded = engine(server), ask(sampling={"seed": 40})
        assert one.choices_per_request(seeded) == 1
        sample(one, seeded, [2])
        assert server.received[0]["seed"] == 42

    def test_a_seed_may_have_many_choices_where_the_server_counts_up(self, loopback: Start) -> None:
        server = loopback()
        vllm = OpenAIEngine("vllm (v)", server.settings(), policy=QUICK, counts_seeds=True)
        assert len(sample(vllm, ask(sampling={"seed": 40}), [2, 3, 4])) == 3
        assert (server.received[0]["seed"], server.received[0]["n"]) == (42, 3)

    def test_an_endpoint_that_ignores_n_is_remembered(self, loopback: Start) -> None:
        one = engine(loopback(ignore_n=True))
        assert one.choices_per_request(ask()) > 1
        assert [drawn.index for drawn in sample(one, ask(), range(5, 9))] == [5]
        assert one.choices_per_request(ask()) == 1

    def test_an_endpoint_that_gives_some_of_n_is_asked_for_so_many(self, loopback: Start) -> None:
        one = engine(loopback(most_choices=4))
        assert len(sample(one, ask(), range(10))) == 4
        assert one.choices_per_request(ask()) == 4

    def test_an_endpoint_that_rejects_n_is_asked_for_one_at_a_time(self, loopback: Start) -> None:
        server = loopback(reject_n=True)
        one = engine(server)
        assert [drawn.index for drawn in sample(one, ask(), range(10))] == [0]
        assert one.choices_per_request(ask()) == 1
        assert server.stats["requests"] == 2

    def test_a_prompt_that_is_too_long_is_no_missing_capability(self, loopback: Start) -> None:
        with pytest.raises(EngineError, match="HTTP 400") as failed:
            sample(
                engine(loopback(faults=(Fault("400", rate=1),))),
                Request(kind="loglikelihood", prompt="one", continuation=" two"),
            )
        assert failed.type is not CapabilityError

    def test_a_bad_request_is_not_mistaken_for_a_rejected_n(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("400", rate=1),)))
        with pytest.raises(EngineError, match="HTTP 400"):
            sample(one, ask(), range(10))
        assert one.choices_per_request(ask()) > 1

    def test_an_endpoint_that_wants_max_completion_tokens_gets_it(self, loopback: Start) -> None:
        server = loopback(wants_completion_tokens=True, default="one two three")
        one, limited = engine(server), ask(sampling={"max_tokens": 2})
        first, second = asyncio.run(_one_after_the_other(one, limited, 2))
        assert [first.text, second.text] == ["one two", "one two"]
        assert server.stats["requests"] == 3


async def _one_after_the_other(engine: OpenAIEngine, request: Request, count: int) -> list[Sample]:
    await engine.start()
    try:
        return [(await engine.sample(request, [index]))[0] for index in range(count)]
    finally:
        await engine.close()


class TestLoglikelihood:
    def test_it_is_the_sum_over_the_tokens_of_the_continuation(self, loopback: Start) -> None:
        request = Request(kind="loglikelihood", prompt="one two", continuation=" three fo")
        (weighed,) = sample(engine(loopback()), request)
        assert (weighed.loglikelihood, weighed.is_greedy) == (-(6 + 3) / 4, False)

    def test_a_continuation_of_the_most_probable_tokens_is_greedy(self, loopback: Start) -> None:
        (weighed,) = sample(engine(loopback()), Request(kind="loglikelihood", prompt="one", continuation=" a b"))
        assert weighed.is_greedy

    def test_spaces_after_the_prompt_count_to_the_continuation(self, loopback: Start) -> None:
        (weighed,) = sample(engine(loopback()), Request(kind="loglikelihood", prompt="one ", continuation="two"))
        assert (weighed.loglikelihood, weighed.completion_tokens) == (-4 / 4, 1)

    def test_a_whole_text_is_weighed_from_the_first_token_that_has_a_probability(self, loopback: Start) -> None:
        (weighed,) = sample(engine(loopback()), Request(kind="rolling", prompt="one two three"))
        assert weighed.loglikelihood == -(4 + 6) / 4

    def test_an_empty_text_needs_no_endpoint(self, loopback: Start) -> None:
        server = loopback()
        assert sample(engine(server), Request(kind="rolling", prompt=""))[0].loglikelihood == 0
        assert server.stats["requests"] == 0

    def test_it_is_asked_for_once_for_all_indices(self, loopback: Start) -> None:
        server = loopback()
        samples = sample(engine(server), Request(kind="rolling", prompt="one two"), [3, 9])
        assert [(weighed.index, weighed.loglikelihood) for weighed in samples] == [(3, -1.0), (9, -1.0)]
        assert server.stats["requests"] == 1

    @pytest.mark.parametrize("options", [{"has_completions": False}, {"has_logprobs": False}])
    @pytest.mark.parametrize(
        "request_",
        [Request(kind="loglikelihood", prompt="one", continuation=" two"), Request(kind="rolling", prompt="one two")],
        ids=lambda request: request.kind,
    )
    def test_an_endpoint_without_it_lacks_the_capability(
        self, loopback: Start, options: dict[str, Any], request_: Request
    ) -> None:
        with pytest.raises(CapabilityError, match=r"openai \(v\): .*does not echo a prompt"):
            sample(engine(loopback(**options)), request_)

    def test_log_probabilities_of_chat_likewise(self, loopback: Start) -> None:
        with pytest.raises(CapabilityError, match="Log probabilities were asked for"):
            sample(engine(loopback(has_logprobs=False)), ask(logprobs=1))


class TestCompletions:
    def test_they_follow_the_raw_prompt(self, loopback: Start) -> None:
        server = loopback(answers={"The capital is": {" Lima": 0.5, " Quito": 0.5}})
        sampling = {"temperature": 1.0, "stop": ["."]}
        samples = sample(
            engine(server), Request(kind="completion", prompt="The capital is", sampling=sampling), range(30)
        )
        assert {each.text for each in samples} == {" Lima", " Quito"}
        assert [each.index for each in samples] == list(range(30))
        assert server.received == [
            {"model": "loopback", "prompt": "The capital is", "temperature": 1.0, "stop": ["."], "n": 30}
        ]

    def test_logprobs_come_with_alternatives(self, loopback: Start) -> None:
        server = loopback(answers={"Q": {" yes": 0.75, " no": 0.25}})
        request = Request(kind="completion", prompt="Q", sampling={"temperature": 0}, logprobs=2)
        (token,) = sample(engine(server), request)[0].logprobs or ()
        assert (token.token, token.logprob) == (" yes", pytest.approx(math.log(0.75)))
        assert token.top == ((" yes", token.logprob), (" no", pytest.approx(math.log(0.25))))

    def test_an_endpoint_that_ignores_n_is_asked_one_by_one(self, loopback: Start) -> None:
        server = loopback(ignore_n=True)
        talker = engine(server)
        request = Request(kind="completion", prompt="Q")
        assert len(sample(talker, request, range(3))) == 1
        assert talker.choices_per_request(request) == 1

    def test_an_endpoint_without_them_lacks_the_capability(self, loopback: Start) -> None:
        with pytest.raises(CapabilityError, match=r"openai \(v\): A completion of raw text was asked for"):
            sample(engine(loopback(has_completions=False)), Request(kind="completion", prompt="Q"))

    def test_chat_messages_are_no_context_for_an_endpoint(self, loopback: Start) -> None:
        assert Capability.CHAT_TEMPLATE not in engine(loopback()).capabilities


class TestRetries:
    @pytest.mark.parametrize(
        "kind",
        [
            "408",
            "409",
            "425",
            "429",
            "500",
            "502",
            "503",
            "drop",
            "truncated",
        ],
    )
    def test_what_may_pass_is_tried_again(self, loopback: Start, kind: str) -> None:
        server = loopback(faults=(Fault(kind, first=9),))
        assert sample(engine(server), ask())[0].text == "ok"
        assert server.stats["requests"] == 10

    @pytest.mark.parametrize("kind", ["not-json", "no-choices", "null-content"])
    def test_a_complete_answer_that_is_none_is_asked_for_twice_more(self, loopback: Start, kind: str) -> None:
        server = loopback(faults=(Fault(kind, first=2),))
        assert sample(engine(server), ask())[0].text == "ok"
        assert server.stats["requests"] == 3

    def test_a_server_that_hangs_is_tried_again(self, loopback: Start) -> None:
        server = loopback(faults=(Fault("hang", first=2),))
        assert sample(engine(server, timeout_s=0.1), ask())[0].text == "ok"
        assert server.stats["requests"] == 3

    @pytest.mark.parametrize("kind", ["500", "truncated", "hang"])
    def test_what_does_not_pass_is_an_error_that_says_what_happened(self, loopback: Start, kind: str) -> None:
        server = loopback(faults=(Fault(kind, rate=1),))
        said = {"500": "HTTP 500: injected 500", "truncated": "the connection broke", "hang": "within 0.05 s"}[kind]
        with pytest.raises(EngineError, match=rf"openai \(v\) at http://127\.0\.0\.1.*after \d\d attempts.*{said}"):
            sample(engine(server, timeout_s=0.05), ask())
        assert server.stats["requests"] >= 10

    @pytest.mark.parametrize("status", ["400", "404", "413", "422", "501"])
    def test_what_stays_is_an_error_at_once(self, loopback: Start, status: str) -> None:
        server = loopback(faults=(Fault(status, rate=1),))
        with pytest.raises(EngineError, match=rf"rejects the request \(HTTP {status}\): injected {status}"):
            sample(engine(server), ask())
        assert server.stats["requests"] == 1

    def test_many_requests_get_through_a_server_that_fails_often(self, loopback: Start) -> None:
        faults = (Fault("500", rate=0.2), Fault("drop", rate=0.1), Fault("truncated", rate=0.1))
        server = loopback(echo=True, faults=faults)
        results = asyncio.run(with_engine(engine(server), *((ask(f"Q{i}"), [0]) for i in range(100))))
        assert [result[0].text for result in results] == [f"Q{i}" for i in range(100)]
        assert server.stats["faults"] > 20

    def test_retry_after_in_seconds_is_honoured(self, loopback: Start) -> None:
        assert self.waited_s(loopback, "0.3") > 0.29

    def test_retry_after_as_a_date_is_honoured(self, loopback: Start) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        assert self.waited_s(loopback, date) > 0.5

    def test_a_request_that_is_asked_to_wait_too_long_is_given_up(self, loopback: Start) -> None:
        said = r"after 1 attempt in 0 s; the last: HTTP 429: .*, asked to wait 3,600 s"
        with pytest.raises(EngineError, match=said):
            self.waited_s(loopback, "3600")

    def test_a_request_that_is_asked_to_wait_again_and_again_is_given_up(self, loopback: Start) -> None:
        server = loopback(faults=(Fault("429", rate=1, retry_after="0.1"),))
        policy = RetryPolicy(first_delay_s=0.001, longest_delay_s=0.001, longest_asked_s=0.35)
        with pytest.raises(EngineError, match=r"after 4 attempts in 0 s"):
            sample(engine(server, policy=policy), ask())

    def test_the_time_that_a_given_up_request_took_holds_no_wait_that_never_was(self, loopback: Start) -> None:
        policy = RetryPolicy(within_s=0, least_attempts=1, first_delay_s=3600, longest_delay_s=3600)
        with pytest.raises(EngineError, match=r"after 1 attempt in 0 s; the last: HTTP 500"):
            sample(engine(loopback(faults=(Fault("500", rate=1),)), policy=policy), ask())

    def waited_s(self, loopback: Start, retry_after: str, policy: RetryPolicy = QUICK) -> float:
        server = loopback(faults=(Fault("429", first=1, retry_after=retry_after),))
        before = time.monotonic()
        sample(engine(server, policy=policy), ask())
        return time.monotonic() - before

    def test_a_wait_that_the_server_asks_for_costs_no_patience(self, loopback: Start) -> None:
        policy = RetryPolicy(within_s=0.2, least_attempts=1, first_delay_s=0.001, longest_delay_s=0.001)
        server = loopback(faults=(Fault("503", first=4, retry_after="0.1"),))
        assert sample(engine(server, policy=policy), ask())[0].text == "ok"

    def test_a_rate_limit_holds_every_request(self, loopback: Start) -> None:
        server = loopback(faults=(Fault("429", first=1, retry_after="0.5"),))

        async def run() -> float:
            one = engine(server)
            await one.start()
            before = time.monotonic()
            first = asyncio.create_task(one.sample(ask("first"), [0]))
            while server.stats["faults"] == 0:
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.1)
            await one.sample(ask("second"), [0])
            waited_s = time.monotonic() - before
            await first
            await one.close()
            return waited_s

        assert asyncio.run(run()) > 0.49

    def test_a_rate_limit_that_lets_others_through_is_waited_out(self, loopback: Start) -> None:
        """With two attempts for each and no such excuse, fewer than half would be answered."""
        policy = RetryPolicy(
            within_s=0, least_attempts=2, first_delay_s=0.02, longest_delay_s=0.02, failures_in_a_row=1000
        )
        server = loopback(faults=(Fault("429", rate=0.75),))
        results = asyncio.run(with_engine(engine(server, policy=policy), *((ask(f"Q{i}"), [0]) for i in range(60))))
        answered = [result for result in results if not isinstance(result, BaseException)]
        assert len(answered) >= 36

    def test_requests_per_minute_are_kept(self, loopback: Start) -> None:
        one = engine(loopback(), requests_per_minute=1200)
        before = time.monotonic()
        asyncio.run(with_engine(one, *((ask(f"Q{i}"), [0]) for i in range(6))))
        assert time.monotonic() - before > 0.24


class TestDeadEndpoint:
    def test_nothing_listening_is_given_up_once_for_all(self, free_port: int) -> None:
        options = {"base_url": f"http://127.0.0.1:{free_port}/v1", "model": "m"}
        dead = OpenAIEngine("openai (v)", options, policy=QUICK)
        results = asyncio.run(with_engine(dead, *((ask(f"Q{i}"), [0]) for i in range(50))))
        assert {type(result) for result in results} == {UnreachableError}
        assert all("can't be reached" in str(result) and str(free_port) in str(result) for result in results)
        assert dead.http_requests <= 50 * 10

    def test_an_address_without_the_path_or_model_can_not_be_reached(self, loopback: Start) -> None:
        server = loopback()
        wrong = OpenAIEngine("v", {"base_url": server.base_url + "/v1", "model": "m"}, policy=QUICK)
        with pytest.raises(UnreachableError, match="check model and base_url"):
            sample(wrong, ask())
        assert wrong.http_requests == 1

    def test_a_request_given_up_and_the_endpoint_given_up_after_it_have_one_cause(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("500", rate=1),)), policy=replace(QUICK, failures_in_a_row=2))
        results = asyncio.run(with_engine(one, *((ask(f"Q{i}"), [0]) for i in range(4))))
        tally = BodyErrors()
        for step, error in enumerate(results):
            assert isinstance(error, EngineError)
            tally.add(step, error)
        assert {type(error) for error in results} == {EngineError, UnreachableError}
        (line,) = tally.lines(4, str)
        assert line.endswith("(4 bodies ended so, the texts differ)")

    def test_those_that_wait_fail_with_the_first(self, free_port: int) -> None:
        policy = RetryPolicy(refused_attempts=1, first_delay_s=3600, longest_delay_s=3600)
        options = {"base_url": f"http://127.0.0.1:{free_port}/v1", "model": "m", "requests_per_minute": 1}
        dead = OpenAIEngine("openai (v)", options, policy=policy)
        results = asyncio.run(with_engine(dead, *((ask(f"Q{i}"), [0]) for i in range(5))))
        assert {type(result) for result in results} == {UnreachableError}
        assert dead.http_requests == 1

    @pytest.mark.parametrize(("n", "said"), [(1, "1 request"), (3, "3 requests")])
    def test_it_says_which_requests_are_sent_again_and_why_as_long_as_they_are(
        self, free_port: int, n: int, said: str
    ) -> None:
        policy = RetryPolicy(first_delay_s=3600, longest_delay_s=3600)
        dead = OpenAIEngine("v", {"base_url": f"http://127.0.0.1:{free_port}", "model": "m"}, policy=policy)

        async def run() -> None:
            await dead.start()
            assert dead.trouble == ""
            work = asyncio.gather(*(dead.sample(ask(f"Q{i}"), [0]) for i in range(n)))
            async with asyncio.timeout(30):
                while dead.trouble != f"no connection, repeating {said}":
                    await asyncio.sleep(0.001)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert dead.trouble == ""
            await dead.close()

        asyncio.run(run())

    def test_a_web_page_instead_of_json_is_given_up_once_for_all(self) -> None:
        with Raw(200, b"<!doctype html><title>Welcome</title>", {"Content-Type": "text/html"}) as server:
            options = {"base_url": server.address, "model": "m"}
            lost = OpenAIEngine("openai (v)", options, policy=replace(QUICK, within_s=60))
            results = asyncio.run(with_engine(lost, *((ask(f"Q{i}"), [0]) for i in range(20))))
        assert {type(result) for result in results} == {UnreachableError}
        assert f"it probably lacks /v1, as in {server.address}/v1." in str(results[0])
        assert server.requests <= 20 * 10

    @staticmethod
    async def with_pages_after_an_answer(server: Loopback, pages: int) -> list[Sample]:
        one = engine(server, policy=replace(QUICK, within_s=60))
        await one.start()
        await one.sample(ask("first"), [0])
        server._server.options = replace(server._server.options, faults=(Fault("not-json", attempts=pages),))
        try:
            return await one.sample(ask(), [0])
        finally:
            await one.close()

    def test_an_endpoint_that_has_answered_may_show_a_web_page_twice(self, loopback: Start) -> None:
        server = loopback()
        assert asyncio.run(self.with_pages_after_an_answer(server, 2))[0].text == "ok"
        assert server.stats["faults"] == 2

    def test_web_pages_of_an_endpoint_that_has_answered_are_refused_as_what_they_are(self, loopback: Start) -> None:
        server = loopback()
        said = r"given up after 3 attempts in 0 s; the last: the answer is not JSON: <.*A web page came in place of an"
        with pytest.raises(EngineError, match=said):
            asyncio.run(self.with_pages_after_an_answer(server, 12))
        assert server.stats["faults"] == 3

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

    def test_later_requests_fail_without_being_sent(self, free_port: int) -> None:
        dead = OpenAIEngine("v", {"base_url": f"http://127.0.0.1:{free_port}", "model": "m"}, policy=QUICK)

        async def run() -> tuple[int, int]:
            await dead.start()
            with pytest.raises(UnreachableError):
                await dead.sample(ask(), [0])
            sent = dead.http_requests
            with pytest.raises(UnreachableError):
                await dead.sample(ask("R"), [0])
            await dead.close()
            return sent, dead.http_requests

        sent, sent_later = asyncio.run(run())
        assert sent == sent_later

    def test_an_endpoint_that_comes_up_late_is_waited_for(self, loopback: Start, free_port: int) -> None:
        policy = RetryPolicy(refused_attempts=1000, first_delay_s=0.02, longest_delay_s=0.05)
        options = {"base_url": f"http://127.0.0.1:{free_port}/v1", "model": "m"}

        async def run() -> list[Sample]:
            late = OpenAIEngine("v", options, policy=policy)
            await late.start()
            waiting = asyncio.create_task(late.sample(ask(), [0]))
            await asyncio.sleep(0.1)
            loopback(port=free_port)
            samples = await waiting
            await late.close()
            return samples

        assert asyncio.run(run())[0].text == "ok"

    def test_three_requests_in_a_row_that_fail_end_it(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("500", rate=1),)))

        async def run() -> list[type]:
            await one.start()
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
        server = loopback(latency_s=0.01)
        policy = RetryPolicy(within_s=0.1, least_attempts=3, first_delay_s=0.01, longest_delay_s=0.02)
        one = engine(server, policy=policy)

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

    def test_closing_twice_or_unstarted_is_harmless(self, loopback: Start) -> None:
        one = engine(loopback())
        asyncio.run(one.close())
        asyncio.run(one.close())


class TestKey:
    def test_the_right_key_is_sent(self, loopback: Start) -> None:
        assert sample(engine(loopback(api_key=KEY), key=KEY), ask())[0].text == "ok"

    @pytest.mark.parametrize("kind", ["400", "401", "403", "500", "404", "redirect", "drop", "not-json"])
    def test_it_is_in_no_error_log_or_repr(self, loopback: Start, kind: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        one = engine(loopback(faults=(Fault(kind, rate=1),)), key=KEY)
        with pytest.raises(EngineError) as failed:
            sample(one, ask())
        seen = [str(failed.value), repr(failed.value), repr(one), repr(one.__dict__), caplog.text]
        error: BaseException | None = failed.value
        while error is not None:
            seen.append(repr(error))
            error = error.__cause__ or error.__context__
        assert not [text for text in seen if KEY in text]

    def test_a_redirect_is_not_followed(self, loopback: Start) -> None:
        with pytest.raises(EngineError, match=r"redirects to http://elsewhere\.invalid/v1, and redirects are not"):
            sample(engine(loopback(faults=(Fault("redirect", rate=1),)), key=KEY), ask())

    def test_a_password_in_the_address_is_not_shown(self, free_port: int) -> None:
        options = {"base_url": f"http://me:{KEY}@127.0.0.1:{free_port}/v1", "model": "m"}
        with pytest.raises(UnreachableError) as failed:
            sample(OpenAIEngine("v", options, policy=QUICK), ask())
        assert KEY not in str(failed.value)
        assert f"http://127.0.0.1:{free_port}/v1" in str(failed.value)

    @pytest.mark.parametrize("key", ["sk-é", "sk-\n1"])
    def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(self, loopback: Start, key: str) -> None:
        with pytest.raises(SettingsError, match="no HTTP header can carry") as refused:
            engine(loopback(), key=key, api_key_env="SOME_KEY")
        assert key not in str(refused.value)

    def test_what_a_server_says_can_not_move_the_cursor(self, loopback: Start) -> None:
        server = loopback(faults=(Fault("400", rate=1),))
        with pytest.raises(EngineError) as failed:
            sample(engine(server), ask("\x1b[2J"))
        assert str(failed.value).isprintable()


class Raw:
    """A server that answers every request with the same status and body."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        raw = self
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw.requests += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Raw:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Its base address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def sample(self, request: Request) -> list[Sample]:
        """What an engine with KEY draws from this server."""
        options = {"base_url": f"{self.address}/v1", "model": "m"}
        policy = RetryPolicy(within_s=0, least_attempts=3, first_delay_s=0.001, longest_delay_s=0.001)
        return sample(OpenAIEngine("openai (v)", options, api_key=KEY, policy=policy), request)


def chat_body(message: Mapping[str, Any], **fields: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **fields}]}).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deep"),
        (b"\xff\xfe{}", "not JSON"),
        (b"9" * 10_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (chat_body({"content": 3}), "content is int, not a text"),
        (chat_body({"content": "A"}, finish_reason=[1]), "finish_reason is list, not a text"),
    ],
    ids=["deep list", "deep object", "no UTF-8", "huge number", "no object", "content", "finish reason"],
)
def test_a_malformed_answer_is_tried_again_and_then_an_error(body: bytes, said: str) -> None:
    with Raw(200, body) as server, pytest.raises(EngineError, match=rf"after 3 attempts .*{said}"):
        server.sample(ask())
    assert server.requests == 3


HALF = KEY[:12]


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        b"." * 70 + KEY.encode(),
        json.dumps({"sent": {"authorization": f"Bearer {KEY}"}}).encode(),
        json.dumps({"error": {"headers": ["x" * 480, KEY]}}).encode(),
        json.dumps({"detail": KEY.replace("-", "&#45;")}).encode(),
        base64.b64encode(f"Bearer {KEY}".encode()),
        b"[" * 100_000 + KEY.encode(),
    ],
    ids=["cut", "no message", "long", "html", "base64", "deep"],
)
def test_no_part_of_the_key_is_in_an_error(status: int, body: bytes) -> None:
    with Raw(status, body) as server, pytest.raises(EngineError) as failed:
        server.sample(ask())
    said = str(failed.value).replace("&#45;", "-")
    assert HALF not in said
    assert base64.b64encode(f"Bearer {KEY}".encode()).decode()[12:28] not in said


def test_a_redirect_to_what_is_no_address_is_an_error() -> None:
    with Raw(302, b"", {"Location": "http://[x"}) as server, pytest.raises(EngineError, match="no address"):
        server.sample(ask())


def test_an_answer_that_repeats_the_key_is_stored_without_it() -> None:
    message = {"content": f"It is {KEY}.", "reasoning": KEY}
    with Raw(200, chat_body(message)) as server:
        (answer,) = server.sample(ask())
    assert (answer.text, answer.reasoning) == ("It is ***.", "***")


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class TestHolding:
    """Once nothing more is to be sent, what was sent is answered and the rest ends with the reason."""

    def test_what_waits_for_its_turn_is_not_sent(self, loopback: Start) -> None:
        server = loopback(latency_s=0.1)
        held = engine(server, requests_per_minute=60)

        async def run() -> list[Any]:
            await held.start()
            works = [asyncio.ensure_future(held.sample(ask(f"q{i}"), [0])) for i in range(3)]
            await asyncio.sleep(0.05)
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
        held = engine(server, policy=RetryPolicy(first_delay_s=30, longest_delay_s=30))

        async def run() -> Any:
            await held.start()
            work = asyncio.ensure_future(held.sample(ask(), [0]))
            while not held.trouble:
                await asyncio.sleep(0.01)
            held.hold(BudgetSpentError("--deadline 1s"))
            try:
                return (await asyncio.gather(work, return_exceptions=True))[0]
            finally:
                await held.close()

        assert isinstance(asyncio.run(run()), BudgetSpentError)
        assert server.stats["requests"] == 1
