"""The generator's connections find where an answer ends, however it is framed and cut, and stamp each part."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stages.inference.load.connections import Connector, Exchange, HttpConnection, Target

pytestmark = pytest.mark.service

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
)
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world"
OPEN = b"HTTP/1.1 200 OK\r\n\r\nhello world"


@contextlib.asynccontextmanager
async def serving(*parts: bytes | float, closes: bool = False, resets: bool = False) -> AsyncIterator[Target]:
    """A server that answers each request with these bytes, waiting where a number stands."""

    serving_now: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving_now.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                for part in parts:
                    if isinstance(part, bytes):
                        writer.write(part)
                        await writer.drain()
                    else:
                        await asyncio.sleep(part)
                if resets:  # a connection that does not linger is ended with a reset
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                if closes:
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
        await asyncio.wait([task for task in serving_now if task is not None], timeout=5)


async def ask(target: Target, times: int = 1) -> tuple[list[Exchange], HttpConnection]:
    """Exchanges sent one after another over a single connection."""
    ended: asyncio.Queue[Exchange] = asyncio.Queue()
    connector = Connector(target)
    await connector.look_up()
    connection = await connector.connect(lambda _, exchange: ended.put_nowait(exchange), lambda _: None)
    found = []
    for index in range(times):
        exchange = Exchange(index, b"GET / HTTP/1.1\r\n\r\n", 0.0, sent_s=time.perf_counter())
        connection.send(exchange)
        found.append(await asyncio.wait_for(ended.get(), 30))
    return found, connection


def body(exchange: Exchange) -> bytes:
    return b"".join(part for _, part in exchange.packets)


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [CHUNKED, SIZED, b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED])
async def test_a_connection_carries_one_answer_after_another(answer: bytes) -> None:
    async with serving(answer) as target:
        exchanges, connection = await ask(target, times=3)
        assert [(each.status, each.failure, body(each)) for each in exchanges] == [(200, "", b"hello world")] * 3
        assert connection.can_carry_more
        connection.abort()


@pytest.mark.asyncio
async def test_without_a_length_the_end_of_the_connection_is_the_answers() -> None:
    async with serving(OPEN, closes=True) as target:
        (exchange,), connection = await ask(target)
        assert (exchange.failure, body(exchange)) == ("", b"hello world")
        assert not connection.can_carry_more


@pytest.mark.asyncio
async def test_a_connection_that_the_server_will_close_carries_no_more() -> None:
    async with serving(SIZED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as target:
        (exchange,), connection = await ask(target)
        assert (exchange.failure, body(exchange)) == ("", b"hello world")
        assert not connection.can_carry_more


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("parts", "options", "failure"),
    [
        ((CHUNKED[:60],), {"closes": True}, "broken_off"),
        ((SIZED[:-3],), {"closes": True}, "broken_off"),
        ((OPEN,), {"resets": True}, "broken_off"),
        ((), {"closes": True}, "connection"),
        ((SIZED[:20],), {"closes": True}, "connection"),
        ((b"SSH-2.0-OpenSSH\r\n\r\n",), {}, "malformed"),
        ((CHUNKED.replace(b"6;x=y", b"six"),), {}, "malformed"),
        ((b"x" * 70_000,), {}, "malformed"),
    ],
)
async def test_an_answer_that_does_not_come_to_its_end_has_failed(
    parts: tuple[bytes, ...], options: dict[str, bool], failure: str
) -> None:
    async with serving(*parts, 0.05, **options) as target:
        (exchange,), connection = await ask(target)
        assert exchange.failure == failure
        assert exchange.said
        assert exchange.ended_s > 0
        connection.abort()


@pytest.mark.asyncio
async def test_each_part_is_stamped_when_it_comes() -> None:
    async with serving(SIZED[:-5], 0.5, SIZED[-5:]) as target:
        (exchange,), connection = await ask(target)
        first, second = exchange.packets
        assert (first[1], second[1]) == (b"hello ", b"world")
        assert second[0] - first[0] >= 0.2
        assert exchange.ended_s == second[0]
        connection.abort()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.asyncio
async def test_a_server_behind_tls_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is looked up once; its certificate is held against its name all the same."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
    command += f"-addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(SIZED)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    target = Target("localhost", server.sockets[0].getsockname()[1], tls=True)
    async with server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(target)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        (exchange,), connection = await ask(target)
        assert (exchange.failure, body(exchange)) == ("", b"hello world")
        connection.abort()
        await asyncio.sleep(0.05)


@settings(max_examples=100)
@given(st.sets(st.integers(1, len(CHUNKED) - 1), max_size=20))
def test_however_chunks_are_cut_into_packets_the_body_is_the_same(cuts: set[int]) -> None:
    ended: list[Exchange] = []
    connection = HttpConnection(lambda _, exchange: ended.append(exchange), lambda _: None)

    class Wire(asyncio.Transport):
        def write(self, data: bytes) -> None: ...

        def is_closing(self) -> bool:
            return False

    connection.connection_made(Wire())
    connection.send(Exchange(0, b"", 0.0))
    edges = [0, *sorted(cuts), len(CHUNKED)]
    for start, end in pairwise(edges):
        assert not ended
        connection.data_received(CHUNKED[start:end])
    assert body(ended[0]) == b"hello world"
    assert connection.can_carry_more
