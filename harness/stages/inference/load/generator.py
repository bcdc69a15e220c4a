"""The process that sends a load, on an event loop of its own.

An ended request goes to a file as it came, each part of its body with its time; rows are read from it when a sending is
over, so that no parser stands between a packet and its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO, Any, NamedTuple

import aiohttp

from harness.models.openai.redaction import Redactor
from harness.stages.inference.load.rows import Row, read_row

_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "steelyard",
}
_PROGRESS_S = 0.25
_COLLECT_AFTER = 50_000
_PRIORITY = -10
_LOST_IN_A_ROW = 20
_LOST_FOR_S = 1.0
_AFTER_LOST_S = 0.1


class Sending(NamedTuple):
    """Requests that are ready to be sent: of an open loop at their `arrivals`, seconds from the start; of a closed loop
    so many at a time (`concurrency`), up to `limit`, for which they are repeated, and until `seconds` are over.
    """

    bodies: Sequence[str]
    concurrency: int
    limit: int
    seconds: float | None = None
    arrivals: Sequence[float] | None = None


class _NoServerError(Exception):
    """No connection is to be had for a while."""


class Generator:
    """Sends requests when they are due, whatever became of those before; `begin` makes one in a worker of its own.

    Args:
        api_key: taken out of what the server says.
        timeout_s: after which a request has failed.
    """

    is_async = True

    def __init__(self, base_url: str, timeout_s: float, api_key: str | None = None) -> None:
        self._url, self._timeout_s = f"{base_url}/chat/completions", timeout_s
        self._headers = _HEADERS | ({} if api_key is None else {"Authorization": f"Bearer {api_key}"})
        self._redactor = Redactor(api_key)
        self._session: aiohttp.ClientSession | None = None
        self.sent = self._completed = self._failed = self._next = 0

    async def send(self, sending: Sequence[Any], progress: Callable[[dict[str, float]], None]) -> dict[str, Any]:
        """Send everything, and give the rows, the processor time (`cpu_s`) and the time that it took."""
        self._session = self._session or _open_session()
        self._sending = Sending._make(sending)
        self.sent = self._completed = self._failed = self._next = 0
        self._lost_s = list[float]()
        gc.collect()
        gc.freeze()
        with tempfile.TemporaryFile() as self._spool:
            self._started_s = time.perf_counter()
            self._work = asyncio.create_task(self._send_all())
            self._result = asyncio.create_task(self._watch(progress, self._spool))
            return await self._result

    async def stop(self) -> dict[str, Any]:
        """Begin nothing more, give up what is in flight, and give what `send` gives."""
        self._work.cancel()
        return await self._result

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def _watch(self, progress: Callable[[dict[str, float]], None], spool: IO[bytes]) -> dict[str, Any]:
        used_s = time.process_time()
        while not self._work.done():
            await asyncio.wait([self._work], timeout=_PROGRESS_S)
            counts = {"sent": self.sent, "completed": self._completed, "failed": self._failed}
            progress({"elapsed_s": self._now_s(), **counts})
        took = {"cpu_s": time.process_time() - used_s, "wall_s": self._now_s()}
        if not self._work.cancelled():
            self._work.result()
        spool.seek(0)
        rows = list[Row]()
        with contextlib.suppress(EOFError):
            while True:
                row, status, packets = pickle.load(spool)
                rows.append(read_row(row, status, packets, self._redactor))
        return {**took, "rows": sorted(rows)}

    async def _send_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                if self._sending.arrivals is None:
                    for _ in range(self._sending.concurrency):
                        group.create_task(self._follow())
                    return
                for index, (due_s, body) in enumerate(zip(self._sending.arrivals, self._sending.bodies, strict=True)):
                    if due_s > self._now_s():
                        await asyncio.sleep(due_s - self._now_s())
                    group.create_task(self._request(index, body, due_s))
        except* _NoServerError:
            pass

    async def _follow(self) -> None:
        """Send one request of a closed loop after the other, until its time is over."""
        sending, due_s = self._sending, 0.0
        while self._next < sending.limit and (sending.seconds is None or due_s < sending.seconds):
            index, self._next = self._next, self._next + 1
            row = await self._request(index, sending.bodies[index % len(sending.bodies)], due_s)
            due_s = row.done_s
            if row.error == "connection":
                await asyncio.sleep(_AFTER_LOST_S)
                due_s += _AFTER_LOST_S

    async def _request(self, index: int, body: str, due_s: float) -> Row:
        sent_s, status, packets, error, message = self._now_s(), 0, list[tuple[float, bytes]](), None, ""
        self.sent += 1
        assert self._session is not None
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    connection: dict[str, bool] = {}
                    try:
                        async with self._session.post(
                            self._url,
                            data=body.encode("ascii"),
                            headers=self._headers,
                            allow_redirects=False,
                            trace_request_ctx=connection,
                        ) as answer:
                            status = answer.status
                            async for part in answer.content.iter_any():
                                packets.append((self._now_s(), part))
                        break
                    except (aiohttp.ClientConnectionError, OSError):
                        # A server may close a connection that is free before it sees the request: it is sent again.
                        if status or not connection.get("is_reused"):
                            raise
        except TimeoutError:
            error, message = "timeout", f"after {self._timeout_s:g} s"
        except asyncio.CancelledError:
            error, message = "unfinished", "the run was ended before the answer was complete"
        except aiohttp.ClientResponseError:
            error, message = "malformed", "what answers does not speak HTTP"
        except (aiohttp.ClientError, OSError) as failure:
            error, message = "broken_off" if status else "connection", str(failure)
        row = Row(index, due_s, sent_s, self._now_s(), error=error, message=message)
        is_whole = error is None and status == 200
        self._completed += is_whole
        self._failed += not is_whole
        pickle.dump((row, status, packets), self._spool, protocol=pickle.HIGHEST_PROTOCOL)
        self._lost_s = [*self._lost_s, row.done_s] if error == "connection" else []
        if len(self._lost_s) >= _LOST_IN_A_ROW and self._lost_s[-1] - self._lost_s[0] >= _LOST_FOR_S:
            raise _NoServerError
        if error == "unfinished":
            raise asyncio.CancelledError
        return row

    def _now_s(self) -> float:
        return time.perf_counter() - self._started_s


def _open_session() -> aiohttp.ClientSession:
    """A session that opens as many connections as there are requests in flight, and tells which it used before."""

    async def note_reuse(_session: aiohttp.ClientSession, context: Any, _parameters: object) -> None:
        context.trace_request_ctx["is_reused"] = True

    traces = aiohttp.TraceConfig()
    traces.on_connection_reuseconn.append(note_reuse)
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=None)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None), trace_configs=[traces])


def begin(**given: Any) -> Generator:
    """Make the generator of a process that does nothing else."""
    import resource  # Windows has none, where this module is imported as well

    hurry()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.set_threshold(_COLLECT_AFTER, 50, 50)
    return Generator(**given)


def hurry() -> None:
    """Let the system run this process as soon as it has something to do, as far as it may.

    It has little to do, and each moment that it waits for a core is in a latency.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
