"""The fixture `repeats`: a greedy answer of a version asked again, alone and beside others."""

from __future__ import annotations

import asyncio
import copy
import functools
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from harness.errors import UsageError
from harness.models.engine import Engine
from harness.models.engine_creation import create_engine
from harness.models.version import Version
from harness.records import Request, Sample, Score
from harness.records.keys import KeyedQuestion, request_text
from harness.requests.bridge import settle
from harness.requests.pending import SampleSource
from harness.stages.lineage import StageContext


class Repeats:
    """Asks a version the same again on an engine of its own (`create` makes it): prompts alone, then all at once."""

    def __init__(self, version: Version, context: StageContext, create: Callable[[], Engine]) -> None:
        self._version, self._context, self._source = version, context, context.source
        self._engine = functools.cache(create)
        self._asked = Counter[tuple[int, bytes]]()
        # The prompts that are asked alone now, and those that wait until all of them are asked at once.
        self._alone: set[asyncio.Future[Sample]] = set()
        self._waiting: list[tuple[Callable[[], Coroutine[Any, Any, Sample]], bool, asyncio.Future[Sample]]] = []

    def drawn_from(self, source: SampleSource) -> Repeats:
        """The same for a body that goes by the draws of a source."""
        own = copy.copy(self)
        own._source = source
        return own

    def of(self, prompt: str, **sampling: Any) -> Coroutine[Any, Any, dict[str, Score]]:
        """1 where the greedy answer was the same `alone_again` and `beside_others`, else 0: what a body returns."""
        request = self._version.chat(prompt, sampling={**sampling, "temperature": 0})
        result: Coroutine[Any, Any, dict[str, Score]] = settle(self._of(request))
        return result

    async def _of(self, request: Request) -> dict[str, Score]:
        sampler, store, given = self._context.sampler, self._context.store, self._source
        assert sampler is not None and store is not None and given is not None  # noqa: PT018
        source = given if given.engine is None else replace(given, engine=self._engine())
        text = b"repeats|" + request_text(self._version.fingerprint, request)
        first, second, third = (KeyedQuestion(text, self._asked[source.first_index, text] + n) for n in range(3))
        self._asked[source.first_index, text] += 3

        async def draw(question: KeyedQuestion) -> Sample:
            return (await sampler.draw(source, request, question, source.first_index))[1]

        beside: asyncio.Future[Sample] = asyncio.get_running_loop().create_future()
        self._alone.add(beside)
        try:
            async with self._context.alone:
                alone, again = await draw(first), await draw(second)
            kept = store.find([third.key(generation) for generation in (source.generation, *source.older)])
            is_new = source.engine is not None and not any(source.first_index in each for each in kept.values())
            self._waiting.append((lambda: draw(third), is_new, beside))
        finally:
            self._alone.discard(beside)
            if not self._alone:
                await self._ask_together()
        return {"alone_again": _same(alone, again), "beside_others": _same(alone, await beside)}

    async def _ask_together(self) -> None:
        waiting, self._waiting[:] = self._waiting[:], []
        n_new = sum(is_new for _, is_new, _ in waiting)
        if n_new == 1 or (n_new and self._context.settings.concurrency < 2):
            answers: list[Any] = [UsageError(_ALONE.format(self._version.name))] * len(waiting)
        else:
            async with self._context.alone:
                answers = await asyncio.gather(*(draw() for draw, *_ in waiting), return_exceptions=True)
        for (*_, future), answer in zip(waiting, answers, strict=True):
            if not future.done():
                (future.set_exception if isinstance(answer, BaseException) else future.set_result)(answer)


_ALONE = (
    "{} was to answer a prompt beside others, and there is no other in flight. Give the evaluation more cases, "
    'design="fixed" and a concurrency of 2 or more; draw anew where the others are stored: --fresh.'
)


def _same(first: Sample, second: Sample) -> Score:
    is_same = (first.text, first.finish_reason) == (second.text, second.finish_reason)
    return Score(float(is_same), None if is_same else f"{first.text!r} alone, {second.text!r} now")


def load_repeats(version: Version, context: StageContext) -> Repeats:
    """The version on an engine of its own, which starts when it is first asked."""
    return Repeats(version, context, lambda: create_engine(version, context.settings.root))
