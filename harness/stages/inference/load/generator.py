"""The process that sends a load.

It reads `Sending`s from its standard input (`framed`), and sends one after the other: a warm-up, then what is measured.
An ended request goes to the file that its command line names as it came, each part of its body with its time; it is
read when the run is over. On its standard output it tells its progress, a JSON object a line, and at the end of a
sending the processor time that it took (`cpu_s`). An empty frame stops a sending: nothing more is begun, and what is in
flight is given up. When its standard input ends, which also happens when its parent is killed, it ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import pickle
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import aiohttp

_PROGRESS_S = 0.25
_COLLECT_AFTER = 50_000
_PRIORITY = -10
_LOST_IN_A_ROW = 20
_LOST_FOR_S = 1.0
_AFTER_LOST_S = 0.1


class Sending(NamedTuple):
    """Requests that are ready to be sent.

    Attributes:
        arrivals: when each is begun, in seconds from the start; None for a closed loop.
        concurrency: how many are in flight in a closed loop. limit: how many of it are begun at most; beyond those that
            there are, they are repeated. seconds: after which none of it is begun.
        timeout_s: after which a request has failed.
    """

    url: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]
    timeout_s: float
    concurrency: int
    limit: int
    seconds: float | None = None
    arrivals: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A request as it ended, not read yet: `error` and `said` are None and "" where HTTP saw no failure."""

    index: int
    scheduled_s: float
    sent_s: float
    done_s: float
    status: int
    packets: list[tuple[float, bytes]]
    error: str | None
    said: str


class _NoServerError(Exception):
    """No connection is to be had for a while."""


class Generator:
    """Sends requests when they are due, whatever became of those before; those that ended are written to `spool`."""

    def __init__(self, sending: Sending, session: aiohttp.ClientSession, spool: IO[bytes]) -> None:
        self.sent = self.completed = self.failed = 0
        self._sending, self._session, self._spool = sending, session, spool
        self._next, self._lost_s = 0, list[float]()
        self._started_s = time.perf_counter()

    async def send(self) -> None:
        """Send everything, and wait for the last answer; who cancels it gives up what is in flight."""
        self._started_s = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as group:
                if self._sending.arrivals is not None:
                    await self._arrive(self._sending.arrivals, group)
                else:
                    for _ in range(self._sending.concurrency):
                        group.create_task(self._follow())
        except* _NoServerError:
            pass

    async def _arrive(self, arrivals: Sequence[float], group: asyncio.TaskGroup) -> None:
        for index, (due_s, body) in enumerate(zip(arrivals, self._sending.bodies, strict=True)):
            if due_s > self._now_s():
                await asyncio.sleep(due_s - self._now_s())
            group.create_task(self._request(index, body, due_s))

    async def _follow(self) -> None:
        """Send one request of a closed loop after the other, until its time is over."""
        sending, due_s = self._sending, 0.0
        while self._next < sending.limit and (sending.seconds is None or due_s < sending.seconds):
            index, self._next = self._next, self._next + 1
            ended = await self._request(index, sending.bodies[index % len(sending.bodies)], due_s)
            due_s = ended.done_s
            if ended.error == "connection":
                await asyncio.sleep(_AFTER_LOST_S)
                due_s += _AFTER_LOST_S

    async def _request(self, index: int, body: bytes, due_s: float) -> Ended:
        sent_s, status, packets, error, said = self._now_s(), 0, list[tuple[float, bytes]](), None, ""
        self.sent += 1
        try:
            async with asyncio.timeout(self._sending.timeout_s):
                while True:
                    notes: dict[str, bool] = {}
                    try:
                        async with self._session.post(
                            self._sending.url,
                            data=body,
                            headers=self._sending.headers,
                            allow_redirects=False,
                            trace_request_ctx=notes,
                        ) as answer:
                            status = answer.status
                            async for part in answer.content.iter_any():
                                packets.append((self._now_s(), part))
                        break
                    except (aiohttp.ClientConnectionError, OSError):
                        # A server may close a connection that is free before it sees the request: it is sent again.
                        if status or not notes.get("is_reused"):
                            raise
        except TimeoutError:
            error, said = "timeout", f"after {self._sending.timeout_s:g} s"
        except asyncio.CancelledError:
            error, said = "unfinished", "the run was ended before the answer was complete"
        except aiohttp.ClientResponseError:
            error, said = "malformed", "what answers does not speak HTTP"
        except (aiohttp.ClientError, OSError) as failure:
            error, said = "broken_off" if status else "connection", str(failure)
        ended = Ended(index, due_s, sent_s, self._now_s(), status, packets, error, said)
        is_whole = error is None and status == 200
        self.completed += is_whole
        self.failed += not is_whole
        pickle.dump(ended, self._spool, protocol=pickle.HIGHEST_PROTOCOL)
        self._lost_s = [*self._lost_s, ended.done_s] if error == "connection" else []
        if len(self._lost_s) >= _LOST_IN_A_ROW and self._lost_s[-1] - self._lost_s[0] >= _LOST_FOR_S:
            raise _NoServerError
        if error == "unfinished":
            raise asyncio.CancelledError
        return ended

    def _now_s(self) -> float:
        return time.perf_counter() - self._started_s


def open_session() -> aiohttp.ClientSession:
    """A session that opens as many connections as there are requests in flight, and tells which it used before."""

    async def note_reuse(_session: aiohttp.ClientSession, context: Any, _parameters: object) -> None:
        context.trace_request_ctx["is_reused"] = True

    traces = aiohttp.TraceConfig()
    traces.on_connection_reuseconn.append(note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=None),
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[traces],
    )


def framed(sending: Sending | None) -> bytes:
    """A sending as the process reads it; None stops the one before."""
    body = b"" if sending is None else pickle.dumps(sending, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(8) + body


def _say(**fields: object) -> None:
    """Write a line for the parent; without one this process is ended anyway."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(fields), flush=True)


async def _send(sending: Sending, session: aiohttp.ClientSession, spool: Path, stopping: asyncio.Task[None]) -> None:
    with spool.open("wb") as file:
        generator = Generator(sending, session, file)
        gc.collect()
        gc.freeze()
        used_s, began_s = time.process_time(), time.perf_counter()
        work = asyncio.create_task(generator.send())
        while not work.done():
            await asyncio.wait([work, stopping], timeout=_PROGRESS_S, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and work.cancel():
                await asyncio.wait([work])
            elapsed_s = time.perf_counter() - began_s
            _say(elapsed_s=elapsed_s, sent=generator.sent, completed=generator.completed, failed=generator.failed)
        if not work.cancelled():
            work.result()
        took = {"cpu_s": time.process_time() - used_s, "wall_s": time.perf_counter() - began_s}
    _say(**took)


async def serve(spool: Path) -> None:
    """Send what comes, until nothing more can."""
    words = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    sendings = asyncio.Queue[bytes]()

    async def listen() -> None:
        """Take in sendings up to the word that stops them."""
        while size := int.from_bytes(await words.readexactly(8)):
            sendings.put_nowait(await words.readexactly(size))

    async def outlive() -> None:
        """End with the parent."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            await listening
            await words.readexactly(1)
        os._exit(1)

    listening = asyncio.create_task(listen())
    ending = asyncio.create_task(outlive())
    async with open_session() as session:
        while not ending.done():
            await _send(pickle.loads(await sendings.get()), session, spool, listening)


def hurry() -> None:
    """Let the system run this process as soon as it has something to do, as far as it may.

    It has little to do, and each moment that it waits for a core is in a latency.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def main() -> None:
    """Send what comes; pickled records have the names of this module, so that it is no `__main__`."""
    hurry()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.set_threshold(_COLLECT_AFTER, 50, 50)
    asyncio.run(serve(Path(sys.argv[1])))
