"""Asks an application, which runs in processes of its own, as a version is asked."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import errors
from harness.errors import CapabilityError, EngineError, FailedDrawError
from harness.models.application.answers import read_answer
from harness.models.engine import Capability, Engine
from harness.models.processes.worker import Worker
from harness.records import Request, Sample

TIMEOUT_S = 300.0
_MOST_CALLS = 1_000
_MOST_ENDS = 10
"""Processes that may end in a row before one has answered."""
_PING_S = 5.0
_GRACE_S = 5.0
_CAPABILITIES = {"schema": Capability.SCHEMA, "tools": Capability.TOOLS, "sampling": Capability.SEED}
_WORKER = (
    "import importlib.util, sys\n"
    "spec = importlib.util.spec_from_file_location('harness', {file!r}, submodule_search_locations=[{folder!r}])\n"
    "sys.modules['harness'] = module = importlib.util.module_from_spec(spec)\n"
    "spec.loader.exec_module(module)\n"
    "from harness.models.processes.child import main\n"
    "main()\n"
)
"""Code for an interpreter, so that it finds this Steelyard and no other package of its folder."""


def worker_command(python: str) -> tuple[str, ...]:
    """The command that runs an application's worker in an interpreter."""
    own = Path(errors.__file__).resolve().parent
    code = _WORKER.format(file=str(own / "__init__.py"), folder=str(own))
    return (python, "-P", "-c", code, "harness.models.application.worker:ApplicationWorker")


@dataclass(slots=True)
class _Place:
    """A place for a process; `heard_s` is when it last answered."""

    worker: Worker | None = None
    starting: asyncio.Task[None] | None = None
    n_asked: int = 0
    heard_s: float = 0.0


class ApplicationEngine(Engine):
    """Answers with what an application returns, a sample for each call, from so many processes of it. One that ended is
    followed by a new one, for what is asked later: what it was asked is not asked again, for that may have cost money.

    Args:
        name: shown in messages.
        call: what is called, in messages.
        spawn: starts a process that has loaded the application, and says how it is asked.
        options: `workers` and `timeout_s`.

    Attributes:
        limit: ends what takes longer than so many seconds.
    """

    learns_at_start = True
    capabilities = frozenset(_CAPABILITIES.values())

    def __init__(
        self, name: str, call: str, spawn: Callable[[], Awaitable[Worker]], options: Mapping[str, Any]
    ) -> None:
        self.name = name
        self.limit: Callable[[float], asyncio.Timeout] = asyncio.timeout
        self._call, self._spawn = call, spawn
        self._timeout_s = float(options.get("timeout_s", TIMEOUT_S))
        self._places = [_Place() for _ in range(int(options.get("workers", 1)))]
        self._manners: Mapping[str, Any] = {"takes_messages": True, "options": (), "is_async": False}
        self._room: AbstractAsyncContextManager[Any] = contextlib.nullcontext()
        self._checks: set[asyncio.Task[None]] = set()
        self._held: errors.SteelyardError | None = None
        self._n_ended = 0
        self._n_printed = 0

    @property
    def printed_lines(self) -> int:
        """Lines that its processes have printed, those that have ended among them."""
        return self._n_printed + sum(worker.printed_lines for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [worker.pid for worker in self._workers]

    @property
    def _workers(self) -> list[Worker]:
        return [place.worker for place in self._places if place.worker is not None]

    async def start(self) -> None:
        """Start the processes; which of sampling, schema and tools they take is known from then on."""
        begun = await asyncio.gather(*map(self._begin, self._places), return_exceptions=True)
        for error in filter(None, begun):
            raise error
        self._manners = self._workers[0].ready
        self.capabilities = frozenset(_CAPABILITIES[name] for name in self._manners["options"])
        if not self._manners["is_async"]:
            self._room = asyncio.Semaphore(len(self._places))

    async def look(self) -> Mapping[str, Any]:
        """Start it and end it again, and tell how it is asked."""
        try:
            await self.start()
            return self._manners
        finally:
            await self.close()

    def hold(self, error: errors.SteelyardError) -> None:
        """Ask nothing more: what waits for its turn ends with this error."""
        self._held = error

    async def close(self) -> None:
        """End all processes."""
        tasks = [*(place.starting for place in self._places if place.starting is not None), *self._checks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # one may be starting a process
        await asyncio.gather(*(worker.close(_GRACE_S) for worker in self._workers), return_exceptions=True)

    def check_turns(self) -> None:
        """Refuse a conversation that goes on, once it has started."""
        if not self._manners["takes_messages"]:
            raise self._only_prompt("a conversation of several turns")

    def choices_per_request(self, request: Request) -> int:
        """As many as wanted of a coroutine function, which is called for all of them side by side; else 1."""
        return _MOST_CALLS if self._manners["is_async"] and request.sampling.get("temperature") != 0 else 1

    def remedy(self, lacking: str) -> str:
        """Return what gives the application what it lacks; "" where nothing does."""
        name = "sampling" if lacking == Capability.SEED else lacking
        return f"Give {self._call} a parameter `{name}`" if name in _CAPABILITIES and ":" in self._call else ""

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Call the application for each index.

        Raises:
            CapabilityError: it does not take what the request has.
            FailedDrawError: it raised, did not answer in time, returned no answer, or its process ended.
            EngineError: it could not be asked.
            PartlyAnsweredError: some of several calls did.
        """
        if len(indices) == 1:
            return [await self._sample(request, indices[0])]
        drawn = await asyncio.gather(*(self._sample(request, index) for index in indices), return_exceptions=True)
        failed = {index: each for index, each in zip(indices, drawn, strict=True) if isinstance(each, Exception)}
        samples = {index: each for index, each in zip(indices, drawn, strict=True) if isinstance(each, Sample)}
        if len(samples) < len(indices):
            raise errors.PartlyAnsweredError(samples, failed)
        return list(samples.values())

    async def _sample(self, request: Request, index: int) -> Sample:
        message = self._message(request, index)
        async with self._room:
            reply, took_s = await self._ask(message)
        sample = read_answer(reply["answer"], request.messages, f"{self.name}: {self._call}")
        return replace(sample, index=index, latency_s=reply.get("latency_s", took_s))

    def _message(self, request: Request, index: int) -> dict[str, Any]:
        """Return the message for the application."""
        takes = self._manners["options"]
        for name in _CAPABILITIES:
            if getattr(request, name) and name not in takes:
                what = ", ".join(request.sampling) if name == "sampling" else "it"
                raise CapabilityError(
                    f"{self.name} takes no {name}, and was asked with {what}. {self.remedy(name)}, or leave it out."
                )
        given = {name: getattr(request, name) for name in takes}
        if "sampling" in takes:
            seed = request.sampling.get("seed")
            given["sampling"] = {**request.sampling, **({} if seed is None else {"seed": seed + index})}
        turns = [dict(turn) for turn in request.messages]
        prompt = turns[0].get("content") if len(turns) == 1 and turns[0].get("role") == "user" else None
        if not isinstance(prompt, str):
            prompt = None
            if not self._manners["takes_messages"]:
                roles = ", ".join(str(turn.get("role")) for turn in turns)
                odd = "a message that is no text of the user"
                raise self._only_prompt(odd if len(turns) == 1 else f"{len(turns)} messages ({roles})")
        return {"messages": turns, "prompt": prompt, **given}

    def _only_prompt(self, asked: str) -> CapabilityError:
        return CapabilityError(
            f"{self.name}: {self._call} takes a prompt, and was asked with {asked}. Let it take all messages: write "
            "`messages: list` as its first parameter."
        )

    async def _ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Ask the process that has least to do; return its reply, and the seconds that it took.

        Raises:
            FailedDrawError: it failed, did not answer in time, or its process ended.
            EngineError: no process could be started.
            UnreachableError: its processes end one after the other.
        """
        if self._held is not None:
            raise self._held
        place = min(self._places, key=lambda each: each.n_asked)
        place.n_asked += 1
        try:
            worker, began = await self._ready(place), time.monotonic()
            try:
                async with self.limit(self._timeout_s):
                    reply: dict[str, Any] = await worker.call("ask", message)
            except FailedDrawError:
                self._hear(place)
                raise
            except TimeoutError:
                self._give_up(worker, is_silent=place.heard_s < began)
                raise self._silence(worker) from None
            except asyncio.CancelledError:
                self._give_up(worker, is_silent=True)
                raise
            except EngineError as error:
                n_asked = place.n_asked
                beside = f" {n_asked} calls were under way in it, this one among them." if n_asked > 1 else ""
                raise FailedDrawError(f"{error}{beside}", cause=error.cause or "its process ended") from None
            self._hear(place)
            return reply, place.heard_s - began
        finally:
            place.n_asked -= 1

    def _hear(self, place: _Place) -> None:
        """Note that the process of a place has answered."""
        self._n_ended = 0
        place.heard_s = time.monotonic()

    def _silence(self, worker: Worker) -> FailedDrawError:
        """Return what a question comes to that was not answered in time."""
        last, hint = worker.last_lines, worker.why_silent
        why = f" {hint} Or it needs longer: raise timeout_s." if hint else ""
        printed = f" It printed last:{last}" if last else ""
        message = f"{self.name} did not answer within {self._timeout_s:g} s (timeout_s).{why}{printed}"
        if hint and not any(each.heard_s for each in self._places):  # nor will it answer the others
            self._held = self._held or errors.UnreachableError(message, errors.TIMED_OUT)
        return FailedDrawError(message, errors.TIMED_OUT)

    def _give_up(self, worker: Worker, *, is_silent: bool) -> None:
        """See to a process that still works on what nobody waits for any more. An event loop must show that it is not
        blocked; another one that answered nothing all the while is ended.
        """
        if self._manners["is_async"]:
            self._checks.add(check := asyncio.get_running_loop().create_task(self._check(worker)))
            check.add_done_callback(self._checks.discard)
        elif is_silent:
            worker.kill(EngineError(f"{self.name} was ended: it did not answer.", errors.TIMED_OUT))

    async def _check(self, worker: Worker) -> None:
        with contextlib.suppress(EngineError):
            try:
                async with self.limit(min(_PING_S, self._timeout_s)):
                    await worker.call("ping", {})
            except TimeoutError:
                message = (
                    f"{self.name} was ended with all that it was asked: a call blocked its event loop. Await what "
                    "takes long, or give a function without async, which is asked one thing at a time."
                )
                worker.kill(EngineError(message, cause="a blocked event loop"))

    async def _ready(self, place: _Place) -> Worker:
        """The process of a place; a new one where it has ended."""
        while place.worker is None or place.worker.is_over or place.starting is not None:
            if place.starting is None:
                place.starting = asyncio.get_running_loop().create_task(self._again(place))
                place.starting.add_done_callback(lambda _: setattr(place, "starting", None))
            await asyncio.shield(place.starting)
        return place.worker

    async def _again(self, place: _Place) -> None:
        ended, place.worker = place.worker, None
        self._n_ended += 1
        if ended is not None:
            await ended.close()
            self._n_printed += ended.printed_lines
        if self._n_ended >= _MOST_ENDS:
            hint = f" {ended.why_silent}" if ended and ended.why_silent and not ended.last_lines else ""
            message = (
                f"{self.name} was given up: {_MOST_ENDS} of its processes ended in a row, and none has answered.{hint}"
            )
            self._held = errors.UnreachableError(message, "its processes end")
            raise self._held
        await self._begin(place)

    async def _begin(self, place: _Place) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                place.worker = await self._spawn()
        except TimeoutError:
            message = (
                f"{self.name} could not start: {self._call} was not imported within {self._timeout_s:g} s (timeout_s)."
            )
            raise EngineError(message) from None
