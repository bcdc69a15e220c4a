"""The process that sends a load: `python -m harness.stages.inference.load.generator PLAN`.

PLAN is a file with a `Sending`. Warm-up comes first; then the process says so and waits for a line on its standard
input, on which the measurement starts. It writes its progress on the standard output, a JSON object a line, and every
ended exchange to the file that the plan names. When its standard input ends, which also happens when its parent is
killed, it ends at once; on SIGTERM it begins nothing more, gives up what is in flight, and ends in order.

It imports little and parses nothing, so that a packet that comes is stamped within microseconds.
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
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.stages.inference.load.connections import Connector, Exchange, HttpConnection, Target

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
        warm_up: requests as they go over the wire. requests: those that are measured.
        arrivals: when each request is begun, in seconds from the start; None for a closed loop.
        concurrency: how many are in flight in a closed loop; 0 for an open one.
        limit: how many requests of a closed loop are begun at most; beyond those that there are, they are repeated.
        seconds: after which none is begun; None for no limit.
        timeout_s: after which a request has failed.
        spool: the file that ended exchanges go to.
    """

    target: Target
    warm_up: Sequence[bytes]
    requests: Sequence[bytes]
    arrivals: Sequence[float] | None
    concurrency: int
    limit: int
    seconds: float | None
    timeout_s: float
    spool: str


class Generator:
    """Sends requests when they are due, whatever became of those before.

    Args:
        sending: what is sent.
        spool: where ended exchanges are written.
    """

    def __init__(self, sending: Sending, spool: IO[bytes]) -> None:
        self.sent = self.completed = self.failed = 0
        self.started_s = 0.0
        self._sending = sending
        self._connector = Connector(sending.target)
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self._idle: deque[HttpConnection] = deque()
        self._under_way: dict[int, tuple[Exchange, HttpConnection | None, asyncio.TimerHandle]] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._next = 0
        self._waiting = 0
        self.is_stopped = False
        self._lost_in_a_row = 0
        self._lost_since_s = 0.0
        self._over = asyncio.Event()

    async def warm_up(self) -> None:
        """Look the server up, and send the warm-up: the first request alone, for a cold server, then several."""
        await self._connector.look_up()
        requests = deque(enumerate(self._sending.warm_up))
        in_flight = 1
        while requests and not self.is_stopped:
            for _ in range(min(in_flight, len(requests))):
                index, payload = requests.popleft()
                self._begin(Exchange(-1 - index, payload, time.perf_counter()))
            self._over.clear()
            await self._over.wait()
            in_flight = max(_WARM_IN_FLIGHT, self._sending.concurrency)
        self.sent = self.completed = self.failed = 0
        self._spool.flush()

    async def measure(self) -> None:
        """Send what is measured, and wait for the last answer."""
        self._over.clear()
        self.started_s = time.perf_counter()
        if self._sending.arrivals is None:
            for _ in range(self._sending.concurrency):
                self._follow(self.started_s)
        else:
            self._waiting = 1
            self._send_due()
        await self._over.wait()

    def stop(self) -> None:
        """Begin nothing more, give up what is in flight, and close every connection."""
        self.is_stopped = True
        for task in self._connecting:
            task.cancel()
        for index in list(self._under_way):
            self._give_up(index, "unfinished", "the run was ended before the answer was complete")
        while self._idle:
            self._idle.pop().abort()
        self._over.set()

    def _send_due(self) -> None:
        """Begin every request whose time has come, and wake up again for the next."""
        arrivals = self._sending.arrivals
        assert arrivals is not None
        while self._next < len(arrivals) and not self.is_stopped:
            due_s = self.started_s + arrivals[self._next]
            if due_s > time.perf_counter():
                self._loop.call_later(due_s - time.perf_counter(), self._send_due)
                return
            index, self._next = self._next, self._next + 1
            self._begin(Exchange(index, self._sending.requests[index], due_s))
        self._waiting = 0
        self._end_when_done()

    def _follow(self, due_s: float) -> None:
        """Begin the next request of a closed loop, unless its time is over."""
        sending = self._sending
        is_over = sending.seconds is not None and due_s - self.started_s >= sending.seconds
        if self.is_stopped or is_over or self._next >= sending.limit:
            self._end_when_done()
            return
        index, self._next = self._next, self._next + 1
        self._begin(Exchange(index, sending.requests[index % len(sending.requests)], due_s))

    def _follow_after_loss(self, due_s: float) -> None:
        """Begin the next request when a moment has passed since a connection was lost."""
        self._waiting -= 1
        self._follow(due_s)

    def _begin(self, exchange: Exchange) -> None:
        """Send a request over a connection that is free, else over a new one."""
        timer = self._loop.call_later(
            self._sending.timeout_s, self._give_up, exchange.index, "timeout", f"after {self._sending.timeout_s:g} s"
        )
        self.sent += 1
        exchange.sent_s = time.perf_counter()
        while self._idle:
            connection = self._idle.pop()
            if connection.can_carry_more:
                self._under_way[exchange.index] = (exchange, connection, timer)
                connection.send(exchange)
                return
        self._under_way[exchange.index] = (exchange, None, timer)
        self._connect(exchange)

    def _connect(self, exchange: Exchange) -> None:
        task = self._loop.create_task(self._send_over_new(exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _send_over_new(self, exchange: Exchange) -> None:
        try:
            connection = await self._connector.connect(self._ended, self._lost)
        except OSError as error:
            exchange.ended_s = time.perf_counter()
            exchange.failure, exchange.said = "connection", error.strerror or str(error)
            self._finish(exchange)
            return
        entry = self._under_way.get(exchange.index)
        if entry is None:  # given up meanwhile
            connection.abort()
            return
        self._under_way[exchange.index] = (exchange, connection, entry[2])
        connection.send(exchange)

    def _ended(self, connection: HttpConnection, exchange: Exchange) -> None:
        """An exchange is over, one way or another."""
        is_stale = exchange.failure == "connection" and connection.is_reused and not self.is_stopped
        if is_stale and exchange.index in self._under_way:
            # The server closed a connection that was free before it saw the request, as it may.
            exchange.failure = exchange.said = ""
            connection.is_reused = False
            self._connect(exchange)
            return
        if not exchange.failure and connection.can_carry_more:
            self._idle.append(connection)
        self._finish(exchange)

    def _lost(self, connection: HttpConnection) -> None:
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)

    def _give_up(self, index: int, failure: str, said: str) -> None:
        entry = self._under_way.get(index)
        if entry is None:
            return
        exchange, connection, _ = entry
        exchange.failure, exchange.said, exchange.ended_s = failure, said, time.perf_counter()
        self._finish(exchange)
        if connection is not None:
            connection.abort()

    def _finish(self, exchange: Exchange) -> None:
        """Take note of an end, once."""
        entry = self._under_way.pop(exchange.index, None)
        if entry is None:
            return
        entry[2].cancel()
        if exchange.failure or exchange.status != 200:
            self.failed += 1
        else:
            self.completed += 1
        exchange.payload = b""
        pickle.dump(exchange, self._spool, protocol=pickle.HIGHEST_PROTOCOL)
        self._watch_for_the_end(exchange)
        if self._sending.arrivals is not None or exchange.index < 0 or self.is_stopped:
            self._end_when_done()
        elif exchange.failure == "connection":
            self._waiting += 1
            due_s = exchange.ended_s + _AFTER_LOST_S
            self._loop.call_later(_AFTER_LOST_S, self._follow_after_loss, due_s)
        else:
            self._follow(exchange.ended_s)

    def _watch_for_the_end(self, exchange: Exchange) -> None:
        """Stop when no connection is to be had for a while: there is no server any more."""
        if exchange.failure != "connection":
            self._lost_in_a_row = 0
            return
        if self._lost_in_a_row == 0:
            self._lost_since_s = exchange.ended_s
        self._lost_in_a_row += 1
        lasts_s = exchange.ended_s - self._lost_since_s
        if self._lost_in_a_row >= _LOST_IN_A_ROW and lasts_s >= _LOST_FOR_S and not self.is_stopped:
            self.stop()

    def _end_when_done(self) -> None:
        if not self._under_way and not self._waiting:
            self._over.set()


def _say(**fields: object) -> None:
    """Write a line for the parent; without one this process is ended anyway."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


async def _report(generator: Generator) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_S)
        elapsed_s = time.perf_counter() - generator.started_s if generator.started_s else 0.0
        _say(elapsed_s=elapsed_s, sent=generator.sent, completed=generator.completed, failed=generator.failed)


async def generate(sending: Sending, spool: IO[bytes]) -> None:
    """Warm up, say so, wait for the word, and measure."""
    loop = asyncio.get_running_loop()
    generator = Generator(sending, spool)
    word = asyncio.Event()

    def heard() -> None:
        if not os.read(0, 1 << 10):
            os._exit(1)
        word.set()

    def stop() -> None:
        generator.stop()
        word.set()

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
    spent_s, wall_s = time.process_time() - used_s, time.perf_counter() - began_s
    reporting.cancel()
    loop.remove_reader(0)
    spool.flush()
    _say(
        started_s=generator.started_s or began_s,
        cpu_s=spent_s,
        wall_s=wall_s,
        sent=generator.sent,
    )


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
    with Path(sys.argv[1]).open("rb") as file:
        sending = pickle.load(file)
    with Path(sending.spool).open("wb") as spool:
        asyncio.run(generate(sending, spool))


if __name__ == "__main__":
    main()
