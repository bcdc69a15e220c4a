"""The fixture `repeats`: greedy answers of a version, asked again alone, beside others, and after a restart."""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from harness.errors import MissingSampleError, UsageError
from harness.models.engine import Capability, Engine
from harness.models.engine_creation import create_engine
from harness.models.spec import engine_spec
from harness.models.version import Version
from harness.records import NewSample, Request, Sample, Score
from harness.records.keys import KeyedQuestion, request_text
from harness.requests.bridge import settle
from harness.requests.pending import PendingDraws, SampleSource
from harness.requests.window import Window
from harness.stages.lineage import StageContext
from harness.stages.teacher_draws import tried

_GATHER_S = 0.1
_SHOWN = 40

Ask = Callable[[Sequence[Request]], Awaitable[list[Sample]]]
"""Asks an engine all of the requests at once."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a body waits for, and where it is kept."""

    request: Request
    question: KeyedQuestion
    source: SampleSource
    future: asyncio.Future[Repeated]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A greedy answer that was asked for again.

    Attributes:
        answer: as the engine gave it when it was asked this alone.
        beside: how many other requests were in flight with it when it was asked beside others.
        differs_at: by the way of asking: how many tokens (characters, where an engine tells no tokens) were the same
            until the answer differed; None where all of it was the same.
        reasons: by the way of asking: what was said in place of what; none where the answer was the same.
    """

    answer: str
    beside: int
    differs_at: Mapping[str, int | None]
    reasons: Mapping[str, str]

    @property
    def same(self) -> dict[str, bool]:
        """True where the answer was the same, by the way of asking: `alone_again`, `beside_others`, `other_order`,
        `after_restart`.

        A version behind an address can't be restarted, and has no `after_restart`.
        """
        return {way: place is None for way, place in self.differs_at.items()}

    @property
    def scores(self) -> dict[str, Score]:
        """The same as scores, with what differed as their reasons: what a body returns."""
        return {way: Score(float(is_same), self.reasons.get(way)) for way, is_same in self.same.items()}


class Repeats:
    """Asks a version the same again, on an engine of its own, of which nobody else asks anything.

    What bodies ask for within a moment makes a round. Each prompt is asked alone, one after the other, and then again;
    all are asked at once, and at once in the reverse order; and each alone after the engine was restarted. Answers come
    from the engine each time. What a round found is kept in the store, so that a gate that is run again decides by it.

    Args:
        version: that is asked.
        context: what its run lends: where findings are kept, what may be spent.
        create: makes an engine for it, not yet started.
    """

    def __init__(self, version: Version, context: StageContext, create: Callable[[], Engine]) -> None:
        self.version = version.name
        self._version = version
        self._context = context
        self._create = create
        self._can_restart = not engine_spec(version.settings.engine).is_endpoint(version.settings.engine_options)
        self._source = context.source
        self._asked = Counter[tuple[int, bytes]]()
        self._waiting: list[_Asked] = []
        self._rounds: list[asyncio.Task[None]] = []

    def drawn_from(self, source: SampleSource) -> Repeats:
        """The same for a body that goes by the draws of a source: it has the rounds, and what was asked, in common."""
        own = copy.copy(self)
        own._source = source
        return own

    def of(self, prompt: str | Sequence[Mapping[str, Any]], **sampling: Any) -> Coroutine[Any, Any, Repeated]:
        """The answers to a prompt that is asked again; awaited in an `async def` body.

        Args:
            prompt: the user's message, or chat messages, as `model.chat` takes them.
            sampling: parameters for these requests, such as `max_tokens=32`; the temperature is 0.

        Raises:
            UsageError: another temperature.
        """
        if sampling.get("temperature", 0) != 0:
            raise UsageError(
                f"repeats.of(temperature={sampling['temperature']!r}): only greedy answers are to be the same each "
                "time; leave it out, and it is 0."
            )
        request = self._version.chat(prompt, sampling={**sampling, "temperature": 0})
        settled: Coroutine[Any, Any, Repeated] = settle(self._of(request))
        return settled

    async def _of(self, request: Request) -> Repeated:
        source = self._source
        assert source is not None
        text = b"repeats|" + request_text(self._version.fingerprint, request)
        question = KeyedQuestion(text, self._asked[source.first_index, text])
        self._asked[source.first_index, text] += 1
        if (found := self._stored(source, question)) is not None:
            if not found.beside:
                raise UsageError(f"{_alone(self.version)}, in an earlier run. Draw anew: --fresh --concurrency 8.")
            return found
        if source.engine is None:
            raise MissingSampleError(f"what {self.version} answers again is not stored")
        if self._context.settings.concurrency < 2:
            raise UsageError(f"{_alone(self.version)}. Set it to 2 or more, as many as are served at once.")
        future: asyncio.Future[Repeated] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(request, question, source, future))
        if not self._rounds or self._rounds[-1].done():
            self._rounds.append(asyncio.create_task(self._run_rounds()))
        return await future

    def _stored(self, source: SampleSource, question: KeyedQuestion) -> Repeated | None:
        """The answers of an earlier run, of the first generation of the source that has them."""
        assert self._context.store is not None
        keys = [question.key(generation) for generation in (source.generation, *source.older)]
        kept = self._context.store.find(keys)
        sample = next((kept[key][source.first_index] for key in keys if source.first_index in kept.get(key, {})), None)
        return None if sample is None else Repeated(**json.loads(sample.text))

    async def _run_rounds(self) -> None:
        """Rounds until nothing more is asked for."""
        while self._waiting:
            n_waiting = 0
            while n_waiting < len(self._waiting):
                n_waiting = len(self._waiting)
                await asyncio.sleep(_GATHER_S)
            asked = list(self._waiting)
            self._waiting.clear()
            try:
                async with self._context.alone:
                    found = self._keep(asked, await self._round([each.request for each in asked]))
            except asyncio.CancelledError:
                for each in asked:
                    each.future.cancel()
                raise
            except Exception as error:  # noqa: BLE001 - whatever an engine raises belongs to those who wait
                for each in asked:
                    if not each.future.done():
                        each.future.set_exception(error)
                continue
            for each, repeated in zip(asked, found, strict=True):
                if not each.future.done():
                    each.future.set_result(repeated)

    async def _round(self, requests: Sequence[Request]) -> list[Repeated]:
        if len(requests) < 2:
            raise UsageError(
                f"{self.version} was to answer one prompt beside others, and there is no other. Give the evaluation "
                'more cases, and design="fixed", by which all of them are asked together.'
            )
        answers: dict[str, list[Sample]] = {}
        async with self._engine() as ask:
            alone = await _one_by_one(ask, requests)
            answers["alone_again"] = await _one_by_one(ask, requests)
            answers["beside_others"] = await ask(requests)
            answers["other_order"] = (await ask(requests[::-1]))[::-1]
        if self._can_restart:
            async with self._engine() as ask:
                answers["after_restart"] = await _one_by_one(ask, requests)
        width = min(len(requests), self._context.settings.concurrency)
        return [
            compare(first, {way: samples[number] for way, samples in answers.items()}, width - 1)
            for number, first in enumerate(alone)
        ]

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Ask]:
        """A new engine that is asked until the context ends, as the budget of the run allows.

        Where an answer takes too long, it is asked all of the requests again, so that each is again beside the others.
        """
        engine, sampler = self._create(), self._context.sampler
        assert sampler is not None
        assert self._context.source is not None
        source, origins = replace(self._context.source, engine=engine), sampler.origins(self._context.source)
        waiting: dict[bytes, asyncio.Future[Sample]] = {}

        def arrived(asked: PendingDraws, samples: Sequence[Sample]) -> None:
            sampler.model_calls += 1
            origins.n_asked += 1
            waiting.pop(asked.key).set_result(samples[0])

        def failed(asked: PendingDraws, error: BaseException) -> None:
            future = waiting.pop(asked.key)
            future.cancel() if isinstance(error, asyncio.CancelledError) else future.set_exception(error)

        window = Window(self._context.settings.concurrency, arrived, failed, sampler.spending)

        async def ask(requests: Sequence[Request]) -> list[Sample]:
            return await tried(lambda: ask_once(requests))

        async def ask_once(requests: Sequence[Request]) -> list[Sample]:
            futures = []
            for number, request in enumerate(requests):
                key = number.to_bytes(4)
                waiting[key] = asyncio.get_running_loop().create_future()
                futures.append(waiting[key])
                window.add(PendingDraws(source, self._with_tokens(engine, request), key, (0,)))
            window.pump()
            await asyncio.wait(futures)
            return await asyncio.gather(*futures)

        try:
            yield ask
        finally:
            await window.stop()
            await window.close_engines()

    def _with_tokens(self, engine: Engine, request: Request) -> Request:
        """The request for an answer that tells its tokens, of an engine that can; not every endpoint does."""
        tells = self._can_restart and Capability.LOGPROBS in engine.capabilities
        return replace(request, logprobs=0) if tells else request

    def _keep(self, asked: Sequence[_Asked], found: Sequence[Repeated]) -> list[Repeated]:
        """The answers of a round, as the store has them: another run may have been first."""
        store = self._context.store
        assert store is not None
        draws = []
        for each, repeated in zip(asked, found, strict=True):
            sample, generation = Sample(json.dumps(asdict(repeated)), each.source.first_index), each.source.generation
            key = each.question.key(generation)
            draws.append(NewSample(key, self._version.fingerprint, generation, each.request, sample))
        return [Repeated(**json.loads(sample.text)) for sample in store.add(draws)]

    async def close(self) -> None:
        """End the round that is going on, and its engine."""
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)


class SyncRepeats(Protocol):
    """The fixture `repeats` as a `def` body sees it: the same object, whose method gives its result directly."""

    @property
    def version(self) -> str:
        """The version's name in the settings."""

    def of(self, prompt: str | Sequence[Mapping[str, Any]], **sampling: Any) -> Repeated:
        """As `Repeats.of`: what becomes of a prompt that is asked again."""


def load_repeats(version: Version, context: StageContext) -> Repeats:
    """The version on an engine of its own, which starts with the first round."""
    return Repeats(version, context, lambda: create_engine(version, context.settings.root))


def _alone(version: str) -> str:
    return f"{version} was to answer prompts beside others, and with concurrency = 1 each is asked alone"


async def _one_by_one(ask: Ask, requests: Sequence[Request]) -> list[Sample]:
    return [(await ask([request]))[0] for request in requests]


def compare(alone: Sample, others: Mapping[str, Sample], beside: int) -> Repeated:
    """An answer beside those to the same request that was asked in other ways.

    >>> found = compare(Sample("Lima."), {"alone_again": Sample("Lima."), "beside_others": Sample("Lisbon.")}, 3)
    >>> found.same
    {'alone_again': True, 'beside_others': False}
    >>> found.reasons["beside_others"]
    "differs after 2 characters: 'ma.' alone, 'sbon.' now"
    """
    differs_at: dict[str, int | None] = {}
    reasons: dict[str, str] = {}
    for way, other in others.items():
        first, second, unit = _parts(alone, other)
        is_same = first == second and alone.finish_reason == other.finish_reason
        place = None if is_same else _common(first, second)
        differs_at[way] = place
        if place is not None:
            was, now = ("".join(parts[place:])[:_SHOWN] for parts in (first, second))
            reasons[way] = f"differs after {place} {unit}: {was!r} alone, {now!r} now"
    return Repeated(alone.text, beside, differs_at, reasons)


def _parts(first: Sample, second: Sample) -> tuple[list[str], list[str], str]:
    """Both answers in tokens, where both tell them, else in characters."""
    if first.logprobs is None or second.logprobs is None:
        return list(first.text), list(second.text), "characters"
    return [each.token for each in first.logprobs], [each.token for each in second.logprobs], "tokens"


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """The number of parts that are the same from the beginning."""
    shorter = min(len(first), len(second))
    return next((place for place in range(shorter) if first[place] != second[place]), shorter)
