"""Asks for samples: from the store first, then from the engines."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from harness.errors import (
    TIMED_OUT,
    CapabilityError,
    EngineError,
    FailedDrawError,
    LockedError,
    StoreError,
    UnreachableError,
    UnstorableError,
    UsageError,
)
from harness.models.engine import Engine
from harness.records import Budget, NewSample, NotedFailures, Request, Sample
from harness.records.keys import KeyedQuestion
from harness.requests.pending import PendingDraws, RenderedQuestion, SampleOrigins, SampleSource
from harness.requests.spending import Spending
from harness.requests.window import Window, check_capabilities

LOCKED_S = 1.0
"""Seconds after which a write that waits for a lock sees whether anybody still waits for it."""
_REPORTED_AFTER_S = 3.0
_RENEWED_S = 2.0
_LOOKED_AGAIN_S = 0.2
"""Seconds after which it is seen whether another run has drawn what is waited for."""
_LACKING = 10
"""Draws of a run that tell, where all of them failed, that the version lacks a server or a key."""
Given = TypeVar("Given")
Kept = tuple[bytes, Sample]
"""A sample with the key that the store keeps it under."""


class SampleStore(Protocol):
    """A store as the sampler needs it. Where a lock is in the way, it is waited for so many seconds."""

    def find(self, keys: Sequence[bytes]) -> Mapping[bytes, Mapping[int, Sample]]:
        """All stored samples of these keys."""

    def add(self, draws: Sequence[NewSample], wait_s: float = ...) -> list[Sample]:
        """Store samples in one transaction; gives the stored ones, which are others' where others were first."""

    def note_failures(self, draws: Sequence[NewSample]) -> NotedFailures:
        """Note draws of a version's generation that failed, unless it has no sample; gives all ever noted of it."""

    def draw_leases(self) -> Any:
        """`harness.store.leases` of a new holder, so that two runs on one store make each draw once."""


class Writer:
    """One thread that writes in turn, so that a lock which another process holds stops no request. It waits for a lock
    until it `gives_up`: nobody waits for what is written any more.
    """

    def __init__(self, gives_up: Callable[[], bool]) -> None:
        self._gives_up = gives_up
        self._thread = ThreadPoolExecutor(1, "steelyard-store")
        self._since: float | None = None
        self.close = self._thread.shutdown

    @property
    def trouble(self) -> str:
        """Say how long the store has been locked; "" where it is not."""
        waited_s = 0.0 if self._since is None else time.monotonic() - self._since
        return (
            f"the store is locked by another process, for {waited_s:.0f} s now" if waited_s > _REPORTED_AFTER_S else ""
        )

    async def write(self, call: Callable[[], Given]) -> Given:
        """Call in the thread, after all that was given before. Raises StoreError: what the store said; that it is
        locked only once nobody waits any more.
        """
        return await asyncio.wrap_future(self.submit(call))

    def submit(self, call: Callable[[], Given]) -> Future[Given]:
        """The same, for who goes on meanwhile."""

        def patiently() -> Given:
            began = time.monotonic()
            try:
                while True:
                    try:
                        return call()
                    except LockedError:
                        self._since = began
                        if self._gives_up():
                            raise
            finally:
                self._since = None

        return self._thread.submit(patiently)


class Sampler:
    """Gives each body its sample, once for all who ask for the same.

    Everything that is asked in one tick of the loop is looked up in the store at once; samples of the same request
    become one request with `n` choices; samples that arrive in one tick are committed in one transaction, and a sample
    is given to its body only after that. A draw is leased before it is made: what another run draws is waited for.

    Each sample comes from the first generation of the source that has it; what none has is drawn in the first one.

    Args:
        window: the most requests in flight, over all engines.
        spending: what may be spent, and was; without it there is no limit.
        find_source: gives where the samples of another version of the settings come from, by its name.
        asks_again: whether a draw that failed is asked for again in the same run.

    Attributes:
        named: sources of samples of the versions that bodies named.
        failures: the causes of the failures that draws wanted in this run came to and are kept, by fingerprint; and
            `unnoted` what the store said when it did not take them.
        last_question: what was rendered last, which the samples of one case ask one after the other.
    """

    def __init__(
        self,
        store: SampleStore,
        *,
        window: int,
        spending: Spending | None = None,
        find_source: Callable[[str], Awaitable[SampleSource]] | None = None,
        asks_again: bool = False,
    ) -> None:
        self._store, self._find_source, self._asks_again = store, find_source, asks_again
        self.spending = spending or Spending()
        self.window = Window(window, self._arrive, self._fail, self.spending)
        self.writer = Writer(lambda: self.is_halted or self.spending.is_late)
        self.model_calls = self.stored_samples = self.shared_samples = self.n_unstored = 0
        self.measured_blocks = self.stored_blocks = 0
        self.is_halted = False
        self.named: dict[str, SampleSource] = {}
        self.failures: dict[str, dict[tuple[bytes, int], str | None]] = {}
        self.unnoted: dict[str, str] = {}
        self.last_question: RenderedQuestion | None = None
        self._last_key: tuple[KeyedQuestion | None, int, bytes] = (None, 0, b"")
        # Draws go from one of these to the next; those that the store has, past all but the first two.
        self._futures: dict[tuple[bytes, int], list[asyncio.Future[Kept]]] = {}
        self._wanted: dict[bytes, tuple[PendingDraws, list[int]]] = {}  # in this tick of the loop
        self._missing: defaultdict[Engine, deque[PendingDraws]] = defaultdict(deque)
        self._elsewhere: list[PendingDraws] = []  # another run makes them
        self._arrived: list[NewSample] = []
        self._returned: list[tuple[bytes, int]] = []
        self._writing: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._looking_again: asyncio.TimerHandle | None = None
        self._leases = store.draw_leases()
        self._known: dict[bytes, set[int]] = {}  # what the run was given: who asks for it again shares it
        self._origins: dict[tuple[str, int], SampleOrigins] = {}
        self._failed: dict[tuple[str, int], dict[tuple[bytes, int], NewSample]] = {}
        self._silent: set[str] = set()

    def halt(self) -> None:
        """Give no more answers: the run is interrupted."""
        self.is_halted = True

    def origins(self, source: SampleSource) -> SampleOrigins:
        """Where the samples of a source came from so far."""
        return self._origins.setdefault((source.version.fingerprint, source.first_index), SampleOrigins())

    async def source_of(self, name: str) -> SampleSource:
        """The source of the samples of a version that a body names. Raises UsageError: there is none, or none here."""
        if self._find_source is None:
            raise UsageError(f"No version can be named here, and {name!r} was; give a model in place of the name.")
        source = self.named[name] = await self._find_source(name)
        return source

    def check_time(self) -> None:
        """Refuse an answer that nobody waits for any more, so that no body goes on with it: the run was interrupted
        (CancelledError), or its deadline has passed (BudgetSpentError).
        """
        if self.is_halted:
            raise asyncio.CancelledError
        if self.spending.is_late:
            raise self.spending.refuse()

    async def check_turns(
        self, engine: Engine, source: SampleSource, request: Request, question: KeyedQuestion, index: int
    ) -> None:
        """Refuse a conversation that an application can't go on with, before one of its draws is paid for.

        The application tells once it runs, and is started to tell where this draw is not stored.
        """
        if engine.learns_at_start:
            asked = PendingDraws(source, request, question.key(source.generation), (index,), question)
            if not self._find([asked])[asked.key]:
                await self.window.start(engine)
                engine.check_turns()

    async def draw(self, source: SampleSource, request: Request, question: KeyedQuestion, index: int) -> Kept:
        """The sample of a question with this index, from the store or the engine, with its key in the store.

        Raises:
            MissingSampleError: it is not in the store, and the source has no engine.
            SettingsError: it is not in the store, and the version could not be asked rightly.
            CapabilityError: the engine can't do what the request asks.
            EngineError: the engine could not answer.
            BudgetSpentError: it would have to be drawn, and nothing more is drawn in this run.
        """
        last, generation, key = self._last_key
        if last is not question or generation != source.generation:
            key = question.key(source.generation)
            self._last_key = question, source.generation, key
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Kept] = loop.create_future()  # of its own, for a body may give up that others wait with
        if (waiting := self._futures.get((key, index))) is not None:
            waiting.append(future)
            kept = await future
            self.shared_samples += 1
            return kept
        if (wanted := self._wanted.get(key)) is None:
            if source.engine is not None:
                check_capabilities(source.engine, request)
            if not self._wanted:
                loop.call_soon(self._look_up)
            wanted = self._wanted[key] = PendingDraws(source, request, key, (), question), []
        self._futures[key, index] = [future]
        wanted[1].append(index)
        return await future

    def _look_up(self) -> None:
        """Answer what the store holds; what has failed in this run fails again; the rest is sent for."""
        wanted, self._wanted = [asked.of(tuple(indices)) for asked, indices in self._wanted.values()], {}
        try:
            stored = self._find(wanted)
        except Exception as error:  # noqa: BLE001 - whatever the database raises belongs to those who wait
            self._break_all(wanted, error)
            return
        for asked in wanted:
            source, key, of_key = asked.source, asked.key, stored[asked.key]
            self._give_stored(asked, of_key)
            known = {} if self._asks_again else self._failed.get((source.version.fingerprint, source.generation), {})
            missing = []
            for index in sorted(set(asked.indices) - of_key.keys()):
                if (failed := known.get((key, index))) is not None:
                    self._break(key, [index], _failed_draw(failed.sample.failure or {}))
                else:
                    missing.append(index)
            if missing and source.engine is None:
                self._break(key, missing, source.missing())
            elif missing:
                self._missing[asked.engine].append(asked.of(tuple(missing)))
        if any(self._missing.values()):
            self._begin_writing()

    def _give_stored(self, asked: PendingDraws, stored: Mapping[int, Kept]) -> None:
        source, known = asked.source, self._known.setdefault(asked.key, set())
        is_newest = source.generation > min(source.older, default=source.generation)
        fresh = [kept for index, kept in stored.items() if index not in known]
        known.update(stored)
        self.stored_samples += len(fresh)
        self.shared_samples += len(stored) - len(fresh)
        origins = self.origins(source)
        origins.n_older += sum(is_newest and place != asked.key for place, _ in fresh)
        origins.add([sample for _, sample in fresh])
        for index, (place, sample) in stored.items():
            self._count_failure(source.version.fingerprint, place, sample)
            self._give(asked.key, index, place, sample)

    def _find(self, wanted: Sequence[PendingDraws]) -> dict[bytes, dict[int, Kept]]:
        """The stored samples that are wanted, each of the first generation of its source that has it."""
        stored = dict(self._store.find([asked.key for asked in wanted])) if wanted else {}
        places = {asked.key: [asked.key] for asked in wanted}
        for asked in wanted:
            if asked.source.older and asked.question and not stored.get(asked.key, {}).keys() >= set(asked.indices):
                places[asked.key] += map(asked.question.key, asked.source.older)
        if older := [place for chain in places.values() for place in chain[1:]]:
            stored |= self._store.find(older)
        kept: dict[bytes, dict[int, Kept]] = {}
        for asked in wanted:
            of_key = kept[asked.key] = {}
            for place in reversed(places[asked.key]):
                known = stored.get(place, {})
                of_key |= {index: (place, known[index]) for index in asked.indices if index in known}
        return kept

    def _arrive(self, asked: PendingDraws, samples: Sequence[Sample]) -> None:
        given = zip(asked.indices, samples, strict=True)
        drawn = [sample if sample.index == index else replace(sample, index=index) for index, sample in given]
        self._arrived += asked.drawn(drawn)
        self._known.setdefault(asked.key, set()).update(asked.indices)
        self.model_calls += len(samples)
        self.origins(asked.source).n_asked += len(samples)
        self._begin_writing()

    def _begin_writing(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Store what has arrived, then give it to those who wait; what comes meanwhile is next."""
        try:
            while True:
                draws, self._arrived = self._arrived, []
                if draws:
                    await self._keep(draws)
                missing, returned, self._returned = self._next_missing(), self._returned, []
                if missing or returned:
                    await self._lease(missing, returned)
                elif not self._arrived:
                    return
        finally:
            self._writing = None

    def _next_missing(self) -> list[PendingDraws]:
        """What there is room for: the rest may be drawn by other runs meanwhile; once nothing more is drawn, all."""
        is_over, every = self.is_halted or self.spending.is_over, self._missing.items()
        free = ((waiting, len(waiting) if is_over else self.window.room(engine)) for engine, waiting in every)
        return [waiting.popleft() for waiting, room in free for _ in range(min(len(waiting), room))]

    async def _lease(self, missing: Sequence[PendingDraws], returned: Sequence[tuple[bytes, int]]) -> None:
        """Send for what nobody else draws; the rest is looked up again."""
        draws = [(asked.key, index) for asked in missing for index in asked.indices]
        try:
            own = await self.writer.write(lambda: self._leases.take(draws, returned, LOCKED_S))
        except Exception as error:  # noqa: BLE001 - whatever the database raises belongs to those who wait
            self._break_all(missing, error)
            return
        for asked in missing:
            if mine := tuple(index for index in asked.indices if (asked.key, index) in own):
                self.window.add(asked.of(mine))
            if len(mine) < len(asked.indices):
                others = tuple(index for index in asked.indices if (asked.key, index) not in own)
                self._elsewhere.append(asked.of(others))
        self.window.pump()
        loop = asyncio.get_running_loop()
        if self._elsewhere and self._looking_again is None:
            self._looking_again = loop.call_later(_LOOKED_AGAIN_S, self._look_again)
        if own and self._renewing is None:
            self._renewing = loop.create_task(self._renew())

    def _look_again(self) -> None:
        """Look up what another run was to draw, unless nobody waits for it any more."""
        self._looking_again = None
        elsewhere, self._elsewhere = self._elsewhere, []
        if self.spending.is_late:
            self._break_all(elsewhere, self.spending.refuse())
        for asked in elsewhere:
            for index in asked.indices:
                if all(future.done() for future in self._futures.get((asked.key, index), ())):
                    self._futures.pop((asked.key, index), None)
                else:
                    self._wanted.setdefault(asked.key, (asked, []))[1].append(index)
        self._look_up()

    async def _renew(self) -> None:
        """Renew leases until there are none. What runs out, in a store that is locked or full, may be drawn twice."""
        is_leasing = True
        while is_leasing:
            await asyncio.sleep(_RENEWED_S)
            with suppress(StoreError):
                is_leasing = await self.writer.write(lambda: self._leases.renew(LOCKED_S))
        self._renewing = None

    @property
    def trouble(self) -> str:
        """Say what the store keeps this run waiting for; "" where it does not."""
        n_elsewhere = sum(len(asked.indices) for asked in self._elsewhere)
        waiting = f"waiting for {n_elsewhere:,} samples that another run draws" if n_elsewhere else ""
        return self.writer.trouble or waiting

    def keep_failures(self) -> None:
        """Note what failed in this run, once at its end, and keep failures of a version of which more than one
        request failed, and more than one of a hundred draws: a rerun has them again, for else all draws would be
        survivors after some reruns. Counted over the generation they are all kept, so that no row of small runs
        escapes; counted in this run its own are, so that many answers to others hide none. Nothing is noted of a
        version that lacks a key or a server: it answered nothing, ever or in a run of ten draws, or went silent.
        """
        failed, self._failed = self._failed, {}
        for (fingerprint, _), draws in failed.items():
            n_asked = sum(each.n_asked for (own, _), each in self._origins.items() if own == fingerprint)
            if fingerprint in self._silent or len(draws) == n_asked >= _LACKING:
                continue
            of_run = NotedFailures([*draws.values()], n_asked)
            try:
                noted = self._store.note_failures(of_run.draws)
            except StoreError as error:  # busy or full: the rest of the run is worth its report
                self.unnoted[fingerprint] = str(error)
                continue
            if noted.are_many or (noted.draws and len(draws) < n_asked and of_run.are_many):
                for (key, _), draw in draws.items():
                    self._count_failure(fingerprint, key, draw.sample)
                self._store.add(noted.draws if noted.are_many else of_run.draws)

    def _count_failure(self, fingerprint: str, key: bytes, sample: Sample) -> None:
        if sample.failure is not None:
            self.failures.setdefault(fingerprint, {})[key, sample.index] = sample.failure["cause"]

    async def _keep(self, draws: Sequence[NewSample]) -> None:
        """Store draws in one transaction; one by one where the store does not take all of them."""
        try:
            samples = await self.writer.write(lambda: self._store.add(draws, LOCKED_S))
        except Exception as error:  # noqa: BLE001 - whatever the database raises belongs to those who wait
            is_odd = isinstance(error, UnstorableError)
            self.n_unstored += 0 if is_odd else len(draws)
            for draw in draws:
                if is_odd and len(draws) > 1:
                    await self._keep([draw])
                else:
                    self._break(draw.key, [draw.sample.index], error)
            return
        for draw, sample in zip(draws, samples, strict=True):
            self._give(draw.key, draw.sample.index, draw.key, sample)

    def _fail(self, asked: PendingDraws, error: BaseException) -> None:
        if isinstance(error, EngineError) and not isinstance(error, CapabilityError):  # of which nothing was sent
            self.origins(asked.source).n_asked += len(asked.indices)
        fingerprint = asked.source.version.fingerprint
        if isinstance(error, UnreachableError) and error.cause == TIMED_OUT:
            self._silent.add(fingerprint)
        if isinstance(error, FailedDrawError) and not self.is_halted:
            failure = {"said": str(error), "cause": error.cause, "request_index": asked.indices[0]}
            failed = self._failed.setdefault((fingerprint, asked.source.generation), {})
            draws = asked.drawn([Sample("", each, failure=failure) for each in asked.indices])
            failed |= {(asked.key, each.sample.index): each for each in draws}
        self._returned += [(asked.key, each) for each in asked.indices]
        self._begin_writing()
        self._break(asked.key, asked.indices, error)

    def _give(self, key: bytes, index: int, place: bytes, sample: Sample) -> None:
        if sample.failure is not None:
            self._break(key, [index], _failed_draw(sample.failure))
        for future in self._futures.pop((key, index), ()):
            if not future.done():
                future.set_result((place, sample))

    def _break(self, key: bytes, indices: Sequence[int], error: BaseException) -> None:
        for future in (each for index in indices for each in self._futures.pop((key, index), ())):
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            elif not future.done():
                future.set_exception(error)

    def _break_all(self, draws: Sequence[PendingDraws], error: BaseException) -> None:
        for asked in draws:
            self._break(asked.key, asked.indices, error)

    @property
    def budget(self) -> Budget | None:
        """The limits, and what was spent of them; None without limits."""
        return self.spending.budget(self.window.requests)

    async def close(self) -> None:
        """Stop what is under way, keep what has arrived, free the engines."""
        await self.window.stop()
        for waiting in (self._looking_again, self._renewing):
            if waiting is not None:
                waiting.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if self._renewing is not None:
            self.halt()
            with suppress(StoreError):  # no lock is waited for: they run out by themselves
                await self.writer.write(lambda: self._leases.end(LOCKED_S))
            self._renewing = None
        self.writer.close()
        await self.window.close_engines()


def _failed_draw(failure: Mapping[str, Any]) -> FailedDrawError:
    """The error of a failure that is kept, as it was when the version was asked."""
    return FailedDrawError(failure["said"] or "", failure["cause"])
