"""The generator sends when it is time, and takes note of each end once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from harness.stages.inference.load.generator import Generator, Sending
from harness.stages.inference.load.rows import Row
from tests.waiting import until

pytestmark = pytest.mark.service

FIRST = b'data: {"choices": [{"delta": {"content": "hello"}}]}\n\n'
LAST = b'data: {"choices": [{"delta": {"content": " world"}, "finish_reason": "stop"}]}\n\n'
PARTS = b"%x\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\n\r\n" % (len(FIRST), FIRST, len(LAST), LAST)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + PARTS
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(FIRST + LAST), FIRST + LAST)

Answering = Callable[[asyncio.StreamWriter, int], Any]


@contextlib.asynccontextmanager
async def serving(answer: Answering) -> AsyncIterator[str]:
    """A server that does this for each request of a connection, the how manyth of which is told as well."""
    connections: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        number = 0
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await reader.readuntil(b"\r\n\r\nbody"):
                await answer(writer, number)
                number += 1
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/v1"
        for task in connections:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in connections if task is not None), return_exceptions=True)


async def good(writer: asyncio.StreamWriter, _number: int) -> None:
    await asyncio.sleep(0.02)
    writer.write(SIZED)


def sending(**fields: Any) -> Sending:
    given = {
        "concurrency": 0,
        "limit": 10,
        "bodies": ["body"] * len(fields.get("arrivals") or range(10)),
    }
    return Sending(**{**given, **fields})


async def measured(url: str, **fields: Any) -> list[Row]:
    generator = Generator(url, 60.0)
    try:
        rows: list[Row] = (await generator.send(sending(**fields), lambda _: None))["rows"]
        return rows
    finally:
        await generator.close()


@pytest.mark.asyncio
async def test_a_connection_carries_one_answer_after_another() -> None:
    numbers = []

    async def write(writer: asyncio.StreamWriter, number: int) -> None:
        numbers.append(number)
        writer.write(CHUNKED)

    async with serving(write) as url:
        records = await measured(url, concurrency=1, limit=3)
    assert [(each.error, sum(tokens for _, tokens in each.chunks)) for each in records] == [(None, 2.0)] * 3
    assert numbers == [0, 1, 2]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("part", "error"),
    [
        (CHUNKED[:80], "broken_off"),
        (SIZED[: -len(LAST)], "broken_off"),
        (b"", "connection"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "malformed"),
    ],
)
async def test_an_answer_that_does_not_come_to_its_end_has_failed(part: bytes, error: str) -> None:
    async def write(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(part)
        await writer.drain()
        writer.close()

    async with serving(write) as url:
        (record,) = await measured(url, concurrency=1, limit=1)
    assert record.error == error
    assert record.message
    assert record.done_s > record.sent_s


@pytest.mark.asyncio
async def test_each_part_is_stamped_when_it_comes() -> None:
    goes_on = asyncio.Event()

    async def write(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(SIZED[: -len(LAST)])
        await goes_on.wait()
        writer.write(LAST)

    async with serving(write) as url:
        measuring = asyncio.create_task(measured(url, arrivals=[0.0]))
        await asyncio.sleep(0.2)
        goes_on.set()
        (record,) = await measuring
    (first_s, _), (second_s, _) = record.chunks
    assert record.sent_s < first_s <= second_s - 0.1 < second_s <= record.done_s


@pytest.mark.asyncio
async def test_a_connection_that_the_server_closed_meanwhile_is_no_error() -> None:
    """A server may close a connection that is free: a request that it never saw is sent again, over another one."""

    async def once(writer: asyncio.StreamWriter, number: int) -> None:
        if number == 0:
            writer.write(SIZED)  # and the next request of this connection finds it closed
        else:
            writer.close()

    async with serving(once) as url:
        records = await measured(url, concurrency=1, limit=3)
    assert [each.error for each in records] == [None] * 3


@pytest.mark.asyncio
async def test_open_arrivals_are_sent_at_their_time() -> None:
    async with serving(good) as url:
        records = await measured(url, arrivals=[0.0, 0.05, 0.05, 0.3])
    assert [each.scheduled_s for each in records] == [0.0, 0.05, 0.05, 0.3]
    assert all(each.sent_s >= each.scheduled_s for each in records)
    assert all(each.done_s > each.sent_s for each in records)


@pytest.mark.asyncio
async def test_prompts_of_a_closed_loop_begin_anew_when_they_are_used_up() -> None:
    async with serving(good) as url:
        records = await measured(url, concurrency=4, limit=25)
    assert [each.number for each in records] == list(range(25))


@pytest.mark.asyncio
async def test_when_it_is_stopped_what_is_in_flight_is_unfinished() -> None:
    async def never(writer: asyncio.StreamWriter, _number: int) -> None:
        await asyncio.Event().wait()

    async with serving(never) as url:
        generator = Generator(url, 60.0)
        measuring = asyncio.create_task(generator.send(sending(arrivals=[0.0, 0.0, 50.0]), lambda _: None))
        await until(lambda: generator.sent == 2)
        rows = (await generator.stop())["rows"]
        assert (await measuring)["rows"] == rows
        await generator.close()
    assert [(each.number, each.error) for each in rows] == [(0, "unfinished"), (1, "unfinished")]


@pytest.mark.asyncio
async def test_without_a_server_it_stops_by_itself() -> None:
    arrivals = [0.02 * number for number in range(5_000)]
    errors = [each.error for each in await asyncio.wait_for(measured("http://127.0.0.1:1/", arrivals=arrivals), 30)]
    assert 20 <= errors.count("connection") < 1_000
    assert {*errors} <= {"connection", "unfinished"}, "on a busy machine some are just being sent when it stops"
