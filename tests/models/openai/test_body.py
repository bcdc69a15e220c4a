"""Bodies of answers stay within their memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.errors import EngineError
from harness.models.openai.body import Bodies
from tests.bench.bench_attack import MOST_MB, peak_mb, serve
from tests.bench.endpoint_faults import Kind, costly
from tests.models.openai.engines import Start, ask, engine, engine_at, sample


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["a gzip bomb", "short texts without number"])
def test_32_requests_at_once_to_a_hostile_endpoint_stay_within_their_memory(name: str) -> None:
    assert peak_mb(name) < MOST_MB


def limited(one: Any, most_bytes: int) -> Any:
    """The same engine, which reads no larger answers."""
    one._endpoint._bodies = Bodies(most_bytes)
    return one


class TestLimit:
    def test_an_answer_that_is_small_and_holds_much_is_not_parsed(self) -> None:
        with serve([Kind("lists", "JSON", costly()["lists without number"]())]) as server:
            one = engine_at(f"{server.base}/0/always/v1")
            with pytest.raises(EngineError, match="the answer holds more than fits into 134,217,728 bytes of memory"):
                sample(one, ask())

    def test_an_answer_that_is_larger_is_an_error_at_once(self, loopback: Start) -> None:
        server = loopback(default="x" * 3000)
        with pytest.raises(EngineError, match=r"the answer is larger than 2,000 bytes"):
            sample(limited(engine(server), 2000), ask())
        assert server.stats["requests"] == 1

    def test_many_choices_that_are_larger_are_asked_for_one_by_one(self, loopback: Start) -> None:
        server = loopback(default="x" * 300)
        one = limited(engine(server), 2000)
        assert len(sample(one, ask(), range(8))) == 1
        assert one.choices_per_request(ask()) == 1

    def test_requests_that_need_more_room_than_there_is_wait_for_each_other(self, loopback: Start) -> None:
        one = limited(engine(loopback(echo=True)), 300_000)

        async def run() -> list[str]:
            await one.start()
            asked = (one.sample(ask(f"{number}" + "x" * 200_000), [0]) for number in range(20))
            answers = [drawn[0].text for drawn in await asyncio.gather(*asked)]
            await one.close()
            return answers

        assert asyncio.run(run()) == [f"{number}" + "x" * 200_000 for number in range(20)]
