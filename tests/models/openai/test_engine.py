"""The openai engine against a server that answers, lies, stumbles and dies."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from harness.errors import CapabilityError, EngineError, SettingsError, UnreachableError
from harness.models.engine import Capability
from harness.models.openai.engine import OpenAIEngine
from harness.records import Request, Sample
from tests.loopback import Fault
from tests.models.openai.engines import KEY, Raw, Start, ask, engine, engine_at, sample


class TestAnswers:
    def test_one_request_gives_n_choices(self, loopback: Start) -> None:
        server = loopback(answers={"Q": {"yes": 0.5, "no": 0.5}})
        samples = sample(engine(server), ask(), range(3, 13))
        assert [sample.index for sample in samples] == list(range(3, 13))
        assert {sample.text for sample in samples} == {"yes", "no"}
        assert server.stats["requests"] == 1

    @pytest.mark.parametrize("text", ["\x00\ud800\x1b[31m\u202e", "x" * 1_000_000, ""])
    def test_strange_prompts_and_answers_come_through_unchanged(self, loopback: Start, text: str) -> None:
        (echoed,) = sample(engine(loopback(echo=True)), ask(text))
        assert echoed.text == text

    def test_http_requests_are_counted_with_their_retries(self, loopback: Start) -> None:
        one = engine(loopback(faults=(Fault("500", first=2),)))
        sample(one, ask())
        assert one.http_requests == 3


class TestChoices:
    def test_a_seed_asks_for_one_at_a_time_and_counts_up(self, loopback: Start) -> None:
        server = loopback()
        one, seeded = engine(server), ask(sampling={"seed": 40})
        assert one.choices_per_request(seeded) == 1
        sample(one, seeded, [2])
        assert server.received[0]["seed"] == 42

    def test_a_seed_may_have_many_choices_where_the_server_counts_up(self, loopback: Start) -> None:
        server = loopback()
        vllm = OpenAIEngine("vllm (v)", server.settings(), counts_seeds=True)
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

    def test_it_does_so_whatever_the_key_is(self, loopback: Start) -> None:
        """The key is taken out of what is told of a refusal, and not before it is known what it asks for."""
        server = loopback(wants_completion_tokens=True, default="one two three", api_key="max_completion")
        one = engine(server, key="max_completion")
        assert sample(one, ask(sampling={"max_tokens": 2}))[0].text == "one two"


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

    def test_an_endpoint_without_them_lacks_the_capability(self, loopback: Start) -> None:
        with pytest.raises(CapabilityError, match=r"openai \(v\): A completion of raw text was asked for"):
            sample(engine(loopback(has_completions=False)), Request(kind="completion", prompt="Q"))

    def test_chat_messages_are_no_context_for_an_endpoint(self, loopback: Start) -> None:
        assert Capability.CHAT_TEMPLATE not in engine(loopback()).capabilities


class TestKey:
    def test_the_right_key_is_sent(self, loopback: Start) -> None:
        assert sample(engine(loopback(api_key=KEY), key=KEY), ask())[0].text == "ok"

    @pytest.mark.service
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
        with pytest.raises(UnreachableError) as failed:
            sample(engine_at(f"http://me:{KEY}@127.0.0.1:{free_port}/v1"), ask())
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


def chat_body(message: Mapping[str, Any], **fields: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **fields}]}).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[]", "not a JSON object"),
        (chat_body({"content": "A"}, finish_reason=[1]), "finish_reason: Input should be a valid string"),
    ],
    ids=["deep list", "no UTF-8", "no object", "finish reason"],
)
def test_a_malformed_answer_is_tried_again_and_then_an_error(body: bytes, said: str) -> None:
    with Raw(200, body) as server, pytest.raises(EngineError, match=rf"after 3 attempts .*{said}"):
        server.sample(ask())
    assert server.requests == 3


HALF = KEY[:12]


@pytest.mark.service
@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        b"." * 70 + KEY.encode(),
        json.dumps({"sent": {"authorization": f"Bearer {KEY}"}}).encode(),
        json.dumps({"error": {"headers": ["x" * 480, KEY]}}).encode(),
        b"[" * 100_000 + KEY.encode(),
    ],
    ids=["cut", "no message", "long", "deep"],
)
def test_no_part_of_the_key_is_in_an_error(status: int, body: bytes) -> None:
    with Raw(status, body) as server, pytest.raises(EngineError) as failed:
        server.sample(ask())
    assert HALF not in str(failed.value)


def test_an_answer_that_repeats_the_key_is_stored_without_it() -> None:
    message = {"content": f"It is {KEY}.", "reasoning": KEY}
    with Raw(200, chat_body(message)) as server:
        (answer,) = server.sample(ask())
    assert (answer.text, answer.reasoning) == ("It is ***.", "***")
