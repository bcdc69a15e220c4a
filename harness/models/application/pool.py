"""The processes of an application: who is asked next, and what happens when one ends or does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from harness.errors import TIMED_OUT, EngineError, FailedDrawError, SteelyardError, UnreachableError
from harness.models.processes.worker import Worker

_MOST_ENDS = 10
"""Processes that may end in a row before one has answered."""
_PING_S = 5.0
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Manners:
    """The manner in which an application is asked.

    Attributes:
        takes_messages: whether it takes all messages; else the prompt alone, if there is one.
        options: what it is given beside what is asked.
        is_async: whether a process that works on one thing can be asked another; else it is asked one at a time.
    """

    takes_messages: bool
    options: frozenset[str]
    is_async: bool = False


WorkerStart = Callable[[], Awaitable[tuple[Worker, Manners]]]
"""Starts a process that has loaded the application, and tells how it is asked."""


@dataclass(slots=True)
class _Place:
    """A place for a process; `heard_s` is when it last answered."""

    process: Worker | None = None
    starting: asyncio.Task[None] | None = None
    n_asked: int = 0
    heard_s: float = 0.0
    checks: set[asyncio.Task[None]] = field(default_factory=set)


class WorkerPool:
    """So many processes of one application. One that ended is followed by a new one, for what is asked later: what it
    was asked is not asked again, for that may have cost money.

    Args:
        name: in messages.
        start: starts a process.
        size: how many.
        timeout_s: that an answer may take.

    Attributes:
        manners: in which it is asked.
        limit: ends what takes longer than so many seconds.
    """

    def __init__(self, name: str, start: WorkerStart, size: int, timeout_s: float) -> None:
        self.name = name
        self._start = start
        self._places = [_Place() for _ in range(size)]
        self._timeout_s = timeout_s
        self.limit: Callable[[float], asyncio.Timeout] = asyncio.timeout
        self._room: asyncio.Semaphore | None = None
        self.manners = Manners(True, frozenset())
        self._held: SteelyardError | None = None
        self._n_ended = 0
        self._printed_lines = 0

    @property
    def printed_lines(self) -> int:
        """Lines that they have printed, those that have ended among them."""
        return self._printed_lines + sum(place.process.printed_lines for place in self._places if place.process)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes."""
        processes = [place.process for place in self._places]
        return [process.pid for process in processes if process is not None]

    async def start(self) -> None:
        """Start all processes; how they are asked is known from then on."""
        first, *others = self._places
        self.manners = await self._begin(first)
        begun = await asyncio.gather(*(self._begin(place) for place in others), return_exceptions=True)
        for error in begun:
            if isinstance(error, BaseException):
                raise error
        self._room = None if self.manners.is_async else asyncio.Semaphore(len(self._places))

    async def ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Ask the application; return its reply, and the seconds that it took from when it was asked.

        Raises:
            FailedDrawError: it failed, did not answer in time, or its process ended.
            EngineError: no process could be started.
            UnreachableError: its processes end one after the other.
        """
        if self._room is None:
            return await self._ask(message)
        async with self._room:
            return await self._ask(message)

    def hold(self, error: SteelyardError) -> None:
        """Ask nothing more: what waits for its turn ends with this error."""
        self._held = error

    async def close(self) -> None:
        """End all processes."""
        tasks = [task for place in self._places for task in (place.starting, *place.checks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # one may be starting a process
        processes = [place.process for place in self._places if place.process is not None]
        await asyncio.gather(*(process.close(_GRACE_S) for process in processes), return_exceptions=True)

    async def _ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], float]:
        if self._held is not None:
            raise self._held
        place = min(self._places, key=lambda each: each.n_asked)
        place.n_asked += 1
        try:
            process = await self._ready(place)
            return await self._asked(place, process, message)
        finally:
            place.n_asked -= 1

    async def _asked(self, place: _Place, process: Worker, message: dict[str, Any]) -> tuple[dict[str, Any], float]:
        began = time.monotonic()
        try:
            async with self.limit(self._timeout_s):
                reply = await process.call("ask", message)
        except FailedDrawError:
            self._hear(place)
            raise
        except TimeoutError:
            last, hint = process.last_lines, process.why_silent
            why = f" {hint} Or it needs longer: raise timeout_s." if hint else ""
            self._give_up(place, process, is_silent=place.heard_s < began)
            said = (
                f"{self.name} did not answer within {self._timeout_s:g} s (timeout_s).{why}"
                f"{' It printed last:' + last if last else ''}"
            )
            if hint and not any(each.heard_s for each in self._places):  # nor will it answer the others
                self._held = self._held or UnreachableError(said, TIMED_OUT)
            raise FailedDrawError(said, cause=TIMED_OUT) from None
        except asyncio.CancelledError:
            self._give_up(place, process, is_silent=True)
            raise
        except EngineError as error:
            beside = f" {place.n_asked} calls were under way in it, this one among them." if place.n_asked > 1 else ""
            raise FailedDrawError(f"{error}{beside}", cause=error.cause or "its process ended") from None
        self._hear(place)
        return reply, place.heard_s - began

    def _hear(self, place: _Place) -> None:
        """Note that the process of a place has answered."""
        self._n_ended = 0
        place.heard_s = time.monotonic()

    def _give_up(self, place: _Place, process: Worker, *, is_silent: bool) -> None:
        """See to a process that still works on what nobody waits for any more. An event loop must show that it is not
        blocked; another one that answered nothing all the while is ended.
        """
        if self.manners.is_async:
            check = asyncio.get_running_loop().create_task(self._check(process))
            place.checks.add(check)
            check.add_done_callback(place.checks.discard)
        elif is_silent:
            process.kill(EngineError(f"{self.name} was ended: it did not answer.", cause=TIMED_OUT))

    async def _check(self, process: Worker) -> None:
        try:
            async with self.limit(min(_PING_S, self._timeout_s)):
                await process.call("ping", {})
        except TimeoutError:
            process.kill(
                EngineError(
                    f"{self.name} was ended with all that it was asked: a call blocked its event loop. Await what "
                    "takes long, or give a function without async, which is asked one thing at a time.",
                    cause="a blocked event loop",
                )
            )
        except EngineError:
            return

    async def _ready(self, place: _Place) -> Worker:
        """The process of a place; a new one where it has ended."""
        while place.process is None or place.process.is_over or place.starting is not None:
            if place.starting is None:
                place.starting = asyncio.get_running_loop().create_task(self._again(place))
            await asyncio.shield(place.starting)
        return place.process

    async def _again(self, place: _Place) -> None:
        try:
            self._n_ended += 1
            if self._n_ended >= _MOST_ENDS:
                hint = place.process.why_silent if place.process and not place.process.last_lines else ""
                raise UnreachableError(
                    f"{self.name} was given up: {_MOST_ENDS} of its processes ended in a row, and none has answered."
                    f"{' ' + hint if hint else ''}",
                    "its processes end",
                )
            if place.process is not None:
                await place.process.close()
                self._printed_lines += place.process.printed_lines
                place.process = None
            await self._begin(place)
        finally:
            place.starting = None

    async def _begin(self, place: _Place) -> Manners:
        place.process, manners = await self._start()
        return manners
