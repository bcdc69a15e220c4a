"""The process that sends a load: `python -m harness.stages.inference.load.generator PLAN SPOOL`.

PLAN is a file with a `Sending`. Warm-up comes first; then the process says so and waits for a line on its standard
input, on which the measurement starts. It writes its progress on the standard output, a JSON object a line, and the
record of every ended request to the file SPOOL. When its standard input ends, which also happens when its parent is
killed, it ends at once; on SIGTERM it begins nothing more, gives up what is in flight, and ends in order.

Bodies are kept as they came, each part with its time, and read when the run is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import aiohttp

from harness.stages.inference.load.result import RequestRecord

_PROGRESS_S = 0.25
_WARM_IN_FLIGHT = 4
_COLLECT_AFTER = 50_000
_PRIORITY = -10
_LOST_IN_A_ROW = 20
_LOST_FOR_S = 1.0
_AFTER_LOST_S = 0.1


@dataclass(frozen=True, slots=True)
class Sending:
    """All that the generator needs to know, ready to be sent.

    Attributes:
        url, headers: of each request. warm_up, requests: their bodies, the latter of those that are measured.
        arrivals: when each request is begun, in seconds from the start; None for a closed loop.
        concurrency: how many are in flight in a closed loop; 0 for an open one.
        limit: how many requests of a closed loop are begun at most; beyond those that there are, they are repeated.
        seconds: after which none is begun; None for no limit.
        timeout_s: after which a request has failed.
    """

    url: str
    headers: Mapping[str, str]
    warm_up: Sequence[bytes]
    requests: Sequence[bytes]
    arrivals: Sequence[float] | None
    concurrency: int
    limit: int
    seconds: float | None
    timeout_s: float


class Generator:
    """Sends requests when they are due, whatever became of those before; a context.

    Args:
        sending: what is sent.
        spool: where the records of ended requests are written.
    """

    def __init__(self, sending: Sending, spool: IO[bytes]) -> None:
        self.sent = self.completed = self.failed = 0
        self.started_s = 0.0
        self.is_stopped = False
        self._sending = sending
        self._spool = spool
        self._tasks: set[asyncio.Task[None]] = set()
        self._next = 0
        self._lost_in_a_row = 0
        self._lost_since_s = 0.0
        traces = aiohttp.TraceConfig()
        traces.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=None),
            timeout=aiohttp.ClientTimeout(total=None),
            headers=sending.headers,
            trace_configs=[traces],
        )

    async def __aenter__(self) -> Generator:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def warm_up(self) -> None:
        """Send the warm-up: the first request alone, for a cold server, then several at once."""
        bodies = list(enumerate(self._sending.warm_up))
        size = max(_WARM_IN_FLIGHT, self._sending.concurrency)
        for batch in (bodies[:1], *(bodies[start : start + size] for start in range(1, len(bodies), size))):
            if not self.is_stopped:
                await self._run([self._send(-1 - index, body, self._now_s()) for index, body in batch])
        self.sent = self.completed = self.failed = 0
        self._spool.flush()

    async def measure(self) -> None:
        """Send what is measured, and wait for the last answer."""
        self.started_s = time.perf_counter()
        if self._sending.arrivals is None:
            await self._run([self._follow() for _ in range(self._sending.concurrency)])
        else:
            await self._run([self._arrive(self._sending.arrivals)])

    def stop(self) -> None:
        """Begin nothing more, and give up what is in flight."""
        self.is_stopped = True
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    async def _run(self, tasks: Sequence[Coroutine[Any, Any, Any]]) -> None:
        """Wait for tasks, and for those that they begin."""
        async with asyncio.TaskGroup() as self._group:
            for each in tasks:
                self._begin(each)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrive(self, arrivals: Sequence[float]) -> None:
        """Begin every request when its time has come."""
        for index, (due_s, body) in enumerate(zip(arrivals, self._sending.requests, strict=True)):
            if due_s > self._now_s():
                await asyncio.sleep(due_s - self._now_s())
            self._begin(self._send(index, body, due_s))

    async def _follow(self) -> None:
        """Send one request of a closed loop after the other, until its time is over."""
        sending, due_s = self._sending, 0.0
        while self._next < sending.limit and (sending.seconds is None or due_s < sending.seconds):
            index, self._next = self._next, self._next + 1
            record = await self._send(index, sending.requests[index % len(sending.requests)], due_s)
            if self.is_stopped:
                return
            due_s = record.ended_s
            if record.error == "connection":
                await asyncio.sleep(_AFTER_LOST_S)
                due_s += _AFTER_LOST_S

    async def _send(self, index: int, body: bytes, due_s: float) -> RequestRecord:
        """Send a request, and write what came back."""
        sent_s, status, packets = self._now_s(), 0, []
        error, said = None, ""
        self.sent += 1
        try:
            async with asyncio.timeout(self._sending.timeout_s):
                while True:
                    notes: dict[str, bool] = {}
                    try:
                        async with self._session.post(
                            self._sending.url, data=body, allow_redirects=False, trace_request_ctx=notes
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
        record = RequestRecord(index, due_s, sent_s, self._now_s(), error, said, status=status, packets=tuple(packets))
        self.failed += error is not None or status != 200
        self.completed += error is None and status == 200
        pickle.dump(record, self._spool, protocol=pickle.HIGHEST_PROTOCOL)
        self._watch_for_the_end(record)
        return record

    def _watch_for_the_end(self, record: RequestRecord) -> None:
        """Stop when no connection is to be had for a while: there is no server any more."""
        if record.error != "connection":
            self._lost_in_a_row = 0
            return
        if self._lost_in_a_row == 0:
            self._lost_since_s = record.ended_s
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= _LOST_IN_A_ROW and record.ended_s - self._lost_since_s >= _LOST_FOR_S:
            self.stop()

    def _now_s(self) -> float:
        return time.perf_counter() - self.started_s


async def _note_reuse(_session: aiohttp.ClientSession, context: Any, _parameters: object) -> None:
    context.trace_request_ctx["is_reused"] = True


def _say(**fields: object) -> None:
    """Write a line for the parent; without one this process is ended anyway."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(fields), flush=True)


async def _report(generator: Generator) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_S)
        elapsed_s = time.perf_counter() - generator.started_s if generator.started_s else 0.0
        _say(elapsed_s=elapsed_s, sent=generator.sent, completed=generator.completed, failed=generator.failed)


async def generate(sending: Sending, spool: IO[bytes]) -> None:
    """Warm up, say so, wait for the word, and measure."""
    loop = asyncio.get_running_loop()
    word = asyncio.Event()

    def heard() -> None:
        if not os.read(0, 1 << 10):
            os._exit(1)
        word.set()

    def stop() -> None:
        generator.stop()
        word.set()

    async with Generator(sending, spool) as generator:
        loop.add_reader(0, heard)
        loop.add_signal_handler(signal.SIGTERM, stop)
        reporting = loop.create_task(_report(generator))
        await generator.warm_up()
        _say(warm=True)
        await word.wait()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER, 50, 50)
        used_s, began_s = time.process_time(), time.perf_counter()
        if not generator.is_stopped:
            await generator.measure()
        reporting.cancel()
        spool.flush()
        _say(cpu_s=time.process_time() - used_s, wall_s=time.perf_counter() - began_s)
        loop.remove_reader(0)


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
    """Send what the file named on the command line says."""
    hurry()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan, spool = map(Path, sys.argv[1:])
    with spool.open("wb") as file:
        asyncio.run(generate(pickle.loads(plan.read_bytes()), file))


if __name__ == "__main__":
    main()
