"""The generator sends when it is time, and takes note of each end once."""

from __future__ import annotations

import asyncio
import contextlib
import io
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from harness.stages.inference.load.connections import Exchange, Target
from harness.stages.inference.load.generator import Generator, Sending
from tests.waiting import until

pytestmark = pytest.mark.service

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"GET / HTTP/1.1\r\n\r\n"

Answering = Callable[[asyncio.StreamWriter, int], Any]


@contextlib.asynccontextmanager
async def serving(answer: Answering) -> AsyncIterator[Target]:
    """A server that does this for each request of a connection, the how manyth of which is told as well."""
    connections: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        number = 0
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await answer(writer, number)
                number += 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
        for task in connections:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in connections if task is not None), return_exceptions=True)


async def good(writer: asyncio.StreamWriter, _number: int) -> None:
    await asyncio.sleep(0.02)
    writer.write(ANSWER)


def sending(target: Target, **fields: Any) -> Sending:
    given: dict[str, Any] = {
        "target": target,
        "warm_up": [],
        "requests": [REQUEST] * 10,
        "arrivals": None,
        "concurrency": 0,
        "limit": 10,
        "seconds": None,
        "timeout_s": 60.0,
        "spool": "",
    }
    return Sending(**{**given, **fields})


def written(spool: io.BytesIO) -> list[Exchange]:
    spool.seek(0)
    found = []
    with contextlib.suppress(EOFError):
        while True:
            found.append(pickle.load(spool))
    return sorted(found, key=lambda exchange: exchange.index)


@pytest.mark.asyncio
async def test_a_connection_that_the_server_closed_meanwhile_is_no_error() -> None:
    """A server may close a connection that is free: a request that it never saw is sent again, over another one."""

    async def once(writer: asyncio.StreamWriter, number: int) -> None:
        if number == 0:
            writer.write(ANSWER)  # and the next request of this connection finds it closed
        else:
            writer.close()

    async with serving(once) as target:
        spool = io.BytesIO()
        generator = Generator(sending(target, concurrency=1, limit=3), spool)
        await generator.measure()
        generator.stop()
    assert [(each.failure, each.status) for each in written(spool)] == [("", 200)] * 3
    assert (generator.sent, generator.completed, generator.failed) == (3, 3, 0)


@pytest.mark.asyncio
async def test_open_arrivals_are_sent_at_their_time() -> None:
    async with serving(good) as target:
        spool = io.BytesIO()
        generator = Generator(sending(target, arrivals=[0.0, 0.05, 0.05, 0.3]), spool)
        await generator.measure()
        generator.stop()
    exchanges = written(spool)
    assert [round(each.scheduled_s - generator.started_s, 6) for each in exchanges] == [0.0, 0.05, 0.05, 0.3]
    assert all(each.sent_s >= each.scheduled_s for each in exchanges)
    assert all(each.ended_s > each.sent_s for each in exchanges)


@pytest.mark.asyncio
async def test_prompts_of_a_closed_loop_begin_anew_when_they_are_used_up() -> None:
    async with serving(good) as target:
        spool = io.BytesIO()
        generator = Generator(sending(target, concurrency=4, limit=25), spool)
        await generator.measure()
        generator.stop()
    assert [each.index for each in written(spool)] == list(range(25))


@pytest.mark.asyncio
async def test_when_it_is_stopped_what_is_in_flight_is_unfinished() -> None:
    async def never(writer: asyncio.StreamWriter, _number: int) -> None:
        await asyncio.Event().wait()

    async with serving(never) as target:
        spool = io.BytesIO()
        generator = Generator(sending(target, arrivals=[0.0, 0.0, 50.0]), spool)
        measuring = asyncio.create_task(generator.measure())
        await until(lambda: generator.sent == 2)
        generator.stop()
        await measuring
    assert [(each.index, each.failure) for each in written(spool)] == [(0, "unfinished"), (1, "unfinished")]


@pytest.mark.asyncio
async def test_without_a_server_it_stops_by_itself() -> None:
    spool = io.BytesIO()
    arrivals = [0.02 * number for number in range(5_000)]
    nowhere = sending(Target("127.0.0.1", 1), arrivals=arrivals, requests=[REQUEST] * 5_000)
    generator = Generator(nowhere, spool)
    await asyncio.wait_for(generator.measure(), 30)
    assert generator.is_stopped
    failures = [each.failure for each in written(spool)]
    assert 20 <= failures.count("connection") < 1_000
    assert {*failures} <= {"connection", "unfinished"}, "on a busy machine some are just being sent when it stops"


@pytest.mark.asyncio
async def test_the_warm_up_sends_the_first_request_alone_and_is_not_counted() -> None:
    sent: list[int] = []

    async def count(writer: asyncio.StreamWriter, _number: int) -> None:
        sent.append(generator.sent)
        writer.write(ANSWER)

    async with serving(count) as target:
        spool = io.BytesIO()
        generator = Generator(sending(target, warm_up=[REQUEST] * 6), spool)
        await generator.warm_up()
        generator.stop()
    assert (sent[0], len(sent)) == (1, 6)
    assert (generator.sent, generator.completed) == (0, 0)
    assert [each.index for each in written(spool)] == [-6, -5, -4, -3, -2, -1]
