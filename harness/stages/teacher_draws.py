"""What a teacher is asked in a build, and the prompts that it did not answer, told once all others have been."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import starmap

from harness.config import Settings
from harness.errors import FailedDrawError, SteelyardError, UsageError, some
from harness.models.engine_creation import create_engine
from harness.models.version import Version
from harness.records import Request, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.requests.pending import SampleSource
from harness.requests.sampler import Sampler
from harness.requests.spending import Spending

_APART = b"asked again|"
"""Before the question of an answer that a build has in place of a failure that is kept: no gate asks for it."""
_HOPELESS = 100
"""Failures without an answer, after which no other prompt is asked."""
_NAMED = 20
"""Prompts that are named."""


async def ask_teacher(
    settings: Settings, teacher: Version, requests: Sequence[tuple[str, Request]], answered: Callable[[int], None]
) -> list[Sample]:
    """Draw a sample for each request, as a gate does: what is in the store is not drawn again, what is drawn is stored
    at once, and the budget of the settings bounds it.

    Failures are not kept, for nothing is inferred from how often a teacher fails: the next build asks for all that
    failed. What a gate keeps as a failure stays one there; a build has an answer of its own. Half of a character, which
    no file and no tokenizer takes, is U+FFFD in what is given.

    Args:
        requests: after the ids of their prompts.
        answered: told how many are.

    Raises:
        UsageError: prompts without an answer, named once all others have theirs, so that one that is refused costs no
            other its answer; or after a hundred, where none was answered: it is the request that is refused.
    """
    from harness.store import Store
    from harness.store.location import store_url

    failures: dict[str, str] = {}
    n_answered = 0
    with Store.open(store_url(settings)) as store:
        newest, *older = store.generations(teacher.fingerprint, max_age_s=teacher.settings.max_age_s)
        source = SampleSource(teacher, create_engine(teacher, settings.root), newest, older=tuple(older))
        spending = Spending(settings.limits, {teacher.name: teacher.settings.price})
        sampler = Sampler(store, window=settings.concurrency, spending=spending, asks_again=True)

        async def ask(request: Request) -> Sample:
            question = KeyedQuestion(request_text(teacher.fingerprint, request), 0)
            try:
                _, sample = await sampler.draw(source, request, question, 0)
            except FailedDrawError:
                kept = sampler.failures.get(teacher.fingerprint, {})
                if not any((question.key(each), 0) in kept for each in (newest, *older)):
                    raise
                _, sample = await sampler.draw(source, request, replace(question, text=_APART + question.text), 0)
            return sample

        async def draw(prompt: str, request: Request) -> Sample | None:
            nonlocal n_answered
            try:
                sample = await ask(request)
            except SteelyardError as error:
                failures[prompt] = str(error)
                if not n_answered and len(failures) >= _HOPELESS:
                    raise _without_answers(teacher, failures, len(requests)) from error
                return None
            n_answered += 1
            answered(n_answered)
            return _in_whole_characters(sample)

        try:
            drawn = await asyncio.gather(*starmap(draw, requests))
        finally:
            await sampler.close()
    if failures:
        raise _without_answers(teacher, failures, len(requests))
    return [sample for sample in drawn if sample is not None]


def _without_answers(teacher: Version, failures: Mapping[str, str], n_prompts: int) -> UsageError:
    first, said = next(iter(failures.items()))
    return UsageError(
        f"The teacher {teacher.name} gave no answer to {len(failures):,} of {n_prompts:,} prompts: "
        f"{some([repr(prompt) for prompt in failures], _NAMED)}. {first!r}: {said.rstrip('.')}. What was answered is "
        "stored, and another build goes on there. Change or leave out what is refused each time."
    )


def _in_whole_characters(sample: Sample) -> Sample:
    if sample.text.isascii():
        return sample
    return replace(sample, text=sample.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
