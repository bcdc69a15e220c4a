"""Faults of endpoints come to an error that says what came, never to the score of a bad answer."""

from __future__ import annotations

import asyncio

import pytest

from harness.errors import EngineError
from harness.models.openai.engine import OpenAIEngine
from tests.bench.bench_attack import MOST_MB, Came, peak_mb, serve, try_kinds
from tests.bench.endpoint_faults import Kind, costly, kinds
from tests.models.openai.test_engine import QUICK, Start, ask, engine, sample

EACH = 3
EVERY = kinds()


def came_of(tried: list[Kind]) -> list[Came]:
    with serve(tried) as server:
        return asyncio.run(try_kinds(server, tried))


def test_every_third_kind_comes_to_what_it_must() -> None:
    came = came_of(EVERY[::EACH])
    assert [(each.kind.name, each.always, each.once, each.attempts) for each in came if not each.is_as_it_must] == []
    assert {each.kind.layer for each in came} == {kind.layer for kind in EVERY}


def test_each_kind_has_a_name_of_its_own() -> None:
    assert len({kind.name for kind in EVERY}) == len(EVERY) >= 120


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("an error with code 7 beside an answer", "the answer is an error: it broke"),
        ("an error with code 'overloaded' alone in a 200", "the answer is an error: it broke"),
        ("a message alone", "the answer holds no choices; it says: out of memory"),
        ("an object called error", "the answer is an error: out of memory"),
        ("finish_reason error with some text", r"the answer broke off \(finish_reason 'error'\)"),
        ("error of a choice is a text", "the answer broke off with an error: some text"),
        ("content is an empty list", "the answer holds neither text nor tool calls"),
        ("content is null", "the answer holds neither text nor tool calls"),
        ("JSON cut at 0 %", "the answer is not JSON: nothing came"),
        ("encoded as br", "the answer is encoded as 'br', which was not asked for"),
        ("gzip cut short", "the answer ends in the middle of its gzip"),
        ("a gzip bomb", r"the answer is larger than 16,777,216 bytes; raise max_body_bytes if it is one"),
        ("a body without an end", r"the answer is larger than 16,777,216 bytes"),
        ("a web page", "is no API: the answer is not JSON: <!doctype html>.*A web page came; check base_url"),
        ("a stream with an error in words", "the answer is an error: it broke"),
        ("an empty account in a 200", "answers nothing more: no money"),
    ],
)
def test_the_error_says_what_came_after_three_attempts_at_most(name: str, said: str) -> None:
    (kind,) = (kind for kind in EVERY if kind.name == name)
    with serve([kind]) as server:
        one = OpenAIEngine("v", {"base_url": f"{server.base}/0/always/v1", "model": "m"}, policy=QUICK)
        with pytest.raises(EngineError, match=said):
            sample(one, ask())
        assert one.http_requests <= 3


@pytest.mark.parametrize("name", ["a gzip bomb", "short texts without number"])
def test_32_requests_at_once_to_a_hostile_endpoint_stay_within_their_memory(name: str) -> None:
    assert peak_mb(name) < MOST_MB


class TestLimit:
    def test_an_answer_that_is_small_and_holds_much_is_not_parsed(self) -> None:
        with serve([Kind("lists", "JSON", costly()["lists without number"]())]) as server:
            one = OpenAIEngine("v", {"base_url": f"{server.base}/0/always/v1", "model": "m"}, policy=QUICK)
            with pytest.raises(EngineError, match="the answer holds more than fits into 134,217,728 bytes of memory"):
                sample(one, ask())

    def test_an_answer_that_is_larger_is_an_error_at_once(self, loopback: Start) -> None:
        server = loopback(default="x" * 3000)
        with pytest.raises(EngineError, match=r"the answer is larger than 2,000 bytes; raise max_body_bytes"):
            sample(engine(server, max_body_bytes=2000), ask())
        assert server.stats["requests"] == 1

    def test_many_choices_that_are_larger_are_asked_for_one_by_one(self, loopback: Start) -> None:
        server = loopback(default="x" * 300)
        one = engine(server, max_body_bytes=2000)
        assert len(sample(one, ask(), range(8))) == 1
        assert one.choices_per_request(ask()) == 1

    def test_requests_that_need_more_room_than_there_is_wait_for_each_other(self, loopback: Start) -> None:
        one = engine(loopback(echo=True), max_body_bytes=300_000)

        async def run() -> list[str]:
            await one.start()
            asked = (one.sample(ask(f"{number}" + "x" * 200_000), [0]) for number in range(20))
            answers = [drawn[0].text for drawn in await asyncio.gather(*asked)]
            await one.close()
            return answers

        assert asyncio.run(run()) == [f"{number}" + "x" * 200_000 for number in range(20)]
