"""Several servers at the addresses of one version: who is asked, who is left out, and what they say of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from harness.errors import FailedDrawError, UnreachableError
from harness.models.openai.engine import OpenAIEngine
from harness.records import Request
from tests.loopback import Fault, Loopback
from tests.models.openai.engines import Start, StillClock, ask, engine_at
from tests.ports import held_port

pytestmark = pytest.mark.service


class MovedClock(StillClock):
    now_s = 0.0

    def seconds(self) -> float:
        return self.now_s


def engine_of(*servers: Loopback, **options: Any) -> OpenAIEngine:
    return engine_at([server.base_url for server in servers], model="loopback", **options)


def answers(engine: OpenAIEngine, requests: Sequence[Request], window: int) -> list[Any]:
    """What the requests come to, so many of them in flight at once."""

    async def run() -> list[Any]:
        room = asyncio.Semaphore(window)

        async def one(request: Request) -> Any:
            async with room:
                return (await engine.sample(request, [0]))[0].text

        await engine.start()
        try:
            return await asyncio.gather(*map(one, requests), return_exceptions=True)
        finally:
            await engine.close()

    return asyncio.run(run())


def questions(count: int) -> list[Request]:
    return [ask(f"Q{number}") for number in range(count)]


def shares(*servers: Loopback) -> list[int]:
    return [server.stats["requests"] for server in servers]


class TestShares:
    @pytest.mark.parametrize("window", [1, 90])
    def test_each_gets_the_same_where_all_are_as_quick(self, loopback: Start, window: int) -> None:
        servers = [loopback(echo=True) for _ in range(3)]
        assert answers(engine_of(*servers), questions(90), window) == [f"Q{number}" for number in range(90)]
        assert window > 1 or shares(*servers) == [30, 30, 30]
        assert min(shares(*servers)) >= 20

    def test_one_that_holds_its_requests_gets_no_more_than_its_part_of_the_window(self, loopback: Start) -> None:
        """It answers once it has three; the window is of four, and two are its part."""
        stuck, quick = loopback(together=3), loopback()

        async def run() -> tuple[list[int], int]:
            async with asyncio.TaskGroup() as group:
                room, engine = asyncio.Semaphore(4), engine_of(stuck, quick)
                await engine.start()

                async def one(request: Request) -> None:
                    async with room:
                        await engine.sample(request, [0])

                asked = [group.create_task(one(request)) for request in questions(50)]
                while sum(task.done() for task in asked) < 48:
                    await asyncio.sleep(0)
                seen = shares(stuck, quick)
                room.release()  # a fifth at once: both have two then, and the one that was asked less gets it
                more = [group.create_task(one(request)) for request in questions(3)]
            assert all(task.exception() is None for task in (*asked, *more))
            await engine.close()
            return seen, stuck.stats["requests"]

        assert asyncio.run(run()) == ([2, 48], 3)

    def test_a_seeded_sample_is_the_same_whoever_answers(self, loopback: Start) -> None:
        options = {"answers": {f"Q{i}": {"yes": 0.5, "no": 0.5} for i in range(40)}}
        asked = [ask(f"Q{i}", sampling={"seed": 7}) for i in range(40)]
        one, *three = (loopback(**options) for _ in range(4))
        drawn = answers(engine_of(one), asked, 4)
        assert drawn == answers(engine_of(*three), asked, 4)
        assert set(drawn) == {"yes", "no"}
        assert min(shares(*three)) > 0


class TestDead:
    def test_one_that_does_not_answer_from_the_start_costs_a_request_nothing(self, loopback: Start) -> None:
        for fault in ("500", "loading", "drop"):
            sound, broken = loopback(echo=True), loopback(faults=(Fault(fault, rate=1),))
            assert answers(engine_of(broken, sound), questions(20), 1) == [f"Q{number}" for number in range(20)]
            assert shares(broken, sound) == [1, 20]

    def test_one_that_asks_for_a_pause_has_it_and_holds_no_other(self, loopback: Start) -> None:
        clock, limit = MovedClock(), Fault("429", rate=1, retry_after="3600")
        sound, limited = loopback(echo=True), loopback(faults=(limit,))
        asked = answers(engine_of(limited, sound, clock=clock), questions(20), 1)
        assert asked == [f"Q{number}" for number in range(20)]
        assert (shares(limited, sound), max(clock.waits) < 1) == ([1, 20], True)

    def test_one_that_dies_is_left_out_and_its_requests_are_answered_by_another(self, loopback: Start) -> None:
        dying, sound = loopback(echo=True, faults=(Fault("hang", after=5),)), loopback(echo=True)
        clock = MovedClock()
        engine = engine_of(dying, sound, clock=clock)

        async def run() -> list[str]:
            await engine.start()
            asked = [asyncio.ensure_future(engine.sample(request, [0])) for request in questions(40)]
            while sum(task.done() for task in asked) < 25:
                await asyncio.sleep(0)
            await asyncio.to_thread(dying.stop)
            texts = [(await task)[0].text for task in asked]
            assert engine.trouble == f"left out: {dying.base_url}"
            again = loopback(echo=True, port=dying.port)
            await engine.sample(ask(), [0])
            clock.now_s = 31.0
            assert shares(again) == [0]
            await asyncio.gather(*(engine.sample(request, [0]) for request in questions(6)))
            assert shares(again) == [1], "one request, until it has answered"
            await asyncio.gather(*(engine.sample(request, [0]) for request in questions(40)))
            assert shares(again)[0] > 10
            assert engine.trouble == ""
            await engine.close()
            return texts

        assert asyncio.run(run()) == [f"Q{number}" for number in range(40)]

    def test_one_that_answers_nothing_in_time_loses_the_first_draw_alone(self, loopback: Start) -> None:
        """As of one server, what was late is not asked again; it is once nothing at all came from there."""
        silent, sound = loopback(faults=(Fault("hang", rate=1),)), loopback(echo=True)
        came = answers(engine_of(silent, sound, timeout_s=1.5), questions(8), 8)
        late = [each for each in came if isinstance(each, FailedDrawError)]
        assert len(late) == 1
        assert silent.base_url in str(late[0])
        assert sum(isinstance(each, str) for each in came) == 7
        assert shares(silent, sound) == [4, 7]

    def test_all_dead_is_the_error_of_one(self) -> None:
        with held_port() as first, held_port() as second:
            places = [f"http://127.0.0.1:{port}/v1" for port in (first, second)]
            dead = engine_at(places)
            came = answers(dead, questions(20), 20)
        assert {type(each) for each in came} == {UnreachableError}
        assert f"the endpoint {places[0]}, {places[1]} can't be reached: a request failed after" in str(came[0])
        assert "Is the server running" in str(came[0])

    def test_all_gone_is_the_error_of_one(self, loopback: Start) -> None:
        servers = loopback(), loopback()
        engine = engine_of(*servers)

        async def run() -> list[Any]:
            await engine.start()
            await engine.sample(ask(), [0])
            for server in servers:
                await asyncio.to_thread(server.stop)
            asked = [engine.sample(each, [0]) for each in questions(5)]
            came = await asyncio.gather(*asked, return_exceptions=True)
            await engine.close()
            return came

        came = asyncio.run(run())
        assert {type(each) for each in came} == {UnreachableError}
        assert "is gone: a request failed after" in str(came[0])

    def test_a_question_that_every_server_fails_at_does_not_cost_the_others_their_servers(
        self, loopback: Start
    ) -> None:
        servers = [loopback(echo=True, faults=(Fault("500", asked="bad"),)) for _ in range(2)]
        engine = engine_of(*servers)
        (first, error, *rest) = answers(engine, [ask("first"), ask("bad"), *questions(10)], 1)
        assert "HTTP 500" in str(error)
        assert [first, *rest] == ["first", *(f"Q{number}" for number in range(10))]


class TestDescriptions:
    VLLM = {"owned_by": "vllm", "root": "acme/m", "parent": None, "max_model_len": 4096}  # noqa: RUF012

    def said(self, *servers: Loopback) -> str:
        (error,) = asyncio.run(_started(engine_of(*servers)))
        assert shares(*servers) == [0] * len(servers)
        return str(error)

    @pytest.mark.parametrize(
        ("other", "said"),
        [
            ({"id": "another"}, "has id 'loopback', and {} has 'another'"),
            ({"max_model_len": 2048}, "has max_model_len 4096, and {} has 2048"),
            ({"root": "acme/m-awq"}, "has root 'acme/m', and {} has 'acme/m-awq'"),
            ({"max_model_len": None}, "has max_model_len 4096, and {} has None"),
        ],
    )
    def test_one_that_serves_another_model_is_named_before_any_request(
        self, loopback: Start, other: dict[str, Any], said: str
    ) -> None:
        first, same = loopback(described=self.VLLM), loopback(described=self.VLLM)
        different = loopback(described={**self.VLLM, **other})
        text = self.said(first, same, different)
        assert "is not one model: " + first.base_url + " " + said.format(different.base_url) in text

    def test_those_that_say_the_same_or_nothing_are_asked(self, loopback: Start) -> None:
        servers = loopback(described=self.VLLM), loopback(described=None), loopback(described=self.VLLM)
        assert answers(engine_of(*servers), questions(6), 1) == ["ok"] * 6

    def test_one_that_comes_back_with_another_model_ends_it(self, loopback: Start) -> None:
        stays, leaves, clock = loopback(described=self.VLLM), loopback(described=self.VLLM), MovedClock()
        engine = engine_of(stays, leaves, clock=clock)

        async def run() -> str:
            await engine.start()
            await asyncio.to_thread(leaves.stop)
            await asyncio.gather(*(engine.sample(request, [0]) for request in questions(4)))
            back = loopback(port=leaves.port, described={**self.VLLM, "id": "another"})
            clock.now_s = 31.0
            with pytest.raises(UnreachableError) as raised:
                await asyncio.gather(*(engine.sample(request, [0]) for request in questions(4)))
            await engine.close()
            assert shares(back) == [0]
            return str(raised.value)

        assert f"{leaves.base_url} has 'another'" in asyncio.run(run())

    def test_one_server_alone_is_not_asked_what_it_serves(self, loopback: Start) -> None:
        alone = loopback(described={"id": "another"})
        assert answers(engine_of(alone), [ask()], 1) == ["ok"]


async def _started(engine: OpenAIEngine) -> list[BaseException | None]:
    try:
        return await asyncio.gather(engine.start(), return_exceptions=True)
    finally:
        await engine.close()
