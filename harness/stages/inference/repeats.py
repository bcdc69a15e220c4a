"""The fixture `repeats`: a greedy answer of a version asked again, alone and beside others."""

from __future__ import annotations

import asyncio
import copy
import functools
import secrets
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

_IN_FLIGHT = 8


class Repeats:
    """Asks a version the same again on an engine of its own (`create` makes it), one prompt after another."""

    def __init__(self, version: Version, context: StageContext, create: Callable[[], Engine]) -> None:
        self._version, self._context, self._source = version, context, context.source
        self._engine = functools.cache(create)
        self._asked = Counter[tuple[int, bytes]]()

    def drawn_from(self, source: SampleSource) -> Repeats:
        """The same for a body that goes by the draws of a source."""
        own = copy.copy(self)
        own._source = source
        return own

    def of(self, prompt: str, **sampling: Any) -> Coroutine[Any, Any, dict[str, Score]]:
        """1 where the greedy answer was the same `alone_again` and `beside_others`, else 0: what a body returns."""
        if (others := min(self._context.settings.concurrency, _IN_FLIGHT) - 1) < 1:
            raise UsageError("repeats asks beside others, and concurrency = 1 is each alone. Set it to 2 or more.")
        asked = [prompt, *(f"{secrets.token_hex(4)} {prompt}" for _ in range(others))]  # no store has the others
        requests = [self._version.chat(each, sampling={**sampling, "temperature": 0}) for each in asked]
        found: Coroutine[Any, Any, dict[str, Score]] = settle(self._of(*requests))
        return found

    async def _of(self, request: Request, *others: Request) -> dict[str, Score]:
        sampler, store, given = self._context.sampler, self._context.store, self._source
        assert sampler is not None and store is not None and given is not None  # noqa: PT018
        source = given if given.engine is None else replace(given, engine=self._engine())
        index, texts = (
            source.first_index,
            [request_text(self._version.fingerprint, each) for each in (request, *others)],
        )
        first = self._asked[index, texts[0]]
        self._asked[index, texts[0]] += 3

        def draw(number: int, place: int = 0) -> Coroutine[Any, Any, tuple[bytes, Sample]]:
            question = KeyedQuestion(b"repeats|" + texts[place], first + number)
            return sampler.draw(source, (request, *others)[place], question, index)

        async with self._context.alone:
            (_, alone), (_, again) = await draw(0), await draw(1)
            last = KeyedQuestion(b"repeats|" + texts[0], first + 2)
            kept = store.find([last.key(generation) for generation in (source.generation, *source.older)])
            is_stored = source.only_stored or any(index in each for each in kept.values())
            beside = [] if is_stored else [draw(0, place) for place in range(1, len(texts))]
            half = len(beside) // 2
            answers = await asyncio.gather(*beside[:half], draw(2), *beside[half:], return_exceptions=True)
        if isinstance(found := answers[half], BaseException):
            raise found
        return {"alone_again": _same(alone, again), "beside_others": _same(alone, found[1])}


def _same(first: Sample, second: Sample) -> Score:
    is_same = (first.text, first.finish_reason) == (second.text, second.finish_reason)
    return Score(float(is_same), None if is_same else f"{first.text!r} alone, {second.text!r} now")


def load_repeats(version: Version, context: StageContext) -> Repeats:
    """The version on an engine of its own, which starts when it is first asked."""
    return Repeats(version, context, lambda: create_engine(version, context.settings.root))
