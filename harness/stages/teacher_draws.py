"""What a teacher is asked in a build, and the prompts that it did not answer, told once all others have been."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from harness.config import Settings
from harness.errors import FailedDrawError, SteelyardError, UsageError, some
from harness.models.engine_creation import create_engine
from harness.models.version import Version
from harness.records import Request, Sample
from harness.records.keys import KeyedQuestion
from harness.requests.pending import SampleSource
from harness.requests.sampler import Sampler
from harness.requests.spending import Spending

TeacherDraw = Callable[[str, Request, KeyedQuestion, int], Awaitable[Sample | None]]

_APART = b"asked again|"
"""Before the question of an answer that a build has in place of a failure that is kept: no gate asks for it."""
_HOPELESS = 100
"""Failures without an answer, after which no other prompt is asked."""
_NAMED = 20
"""Prompts that are named."""


class FailedDraws:
    """Counts the prompts that a teacher did not answer, so that one that is refused costs no other its answer.

    Args:
        teacher: the version that is asked.
        n_prompts: that it is asked, in all.
    """

    def __init__(self, teacher: str, n_prompts: int) -> None:
        self._teacher = teacher
        self._n_prompts = n_prompts
        self._found: dict[str, str] = {}
        self.n_answered = 0

    def add(self, prompt: str, error: SteelyardError) -> None:
        """Note that a prompt of this id was not answered.

        Raises:
            UsageError: a hundred were not, and none was: it is the request that is refused.
        """
        self._found[prompt] = str(error)
        if not self.n_answered and len(self._found) >= _HOPELESS:
            self.check()

    def check(self) -> None:
        """Refuse to go on without their answers.

        Raises:
            UsageError: names them, with the error of the first.
        """
        if self._found:
            named = some([repr(prompt) for prompt in self._found], _NAMED)
            first, said = next(iter(self._found.items()))
            raise UsageError(
                f"{self._teacher} gave no answer to {len(self._found):,} of {self._n_prompts:,} prompts: {named}. "
                f"{first!r}: {said.rstrip('.')}. What was answered is stored, and another build goes on there. Change "
                "or leave out what is refused each time."
            )


@asynccontextmanager
async def teacher_draws(settings: Settings, teacher: Version, failed: FailedDraws) -> AsyncIterator[TeacherDraw]:
    """A function that draws a sample for the prompt of an id; None where that fails, of which all are told at the end.

    Samples are drawn as a gate draws them: what is in the store is not drawn again, what is drawn is stored at once,
    and the budget of the settings bounds it. Failures are not kept, for nothing is inferred from how often a teacher
    fails: the next build asks for all that failed. What a gate keeps as a failure stays one there; a build has an
    answer of its own. Half of a character, which no file and no tokenizer
    takes, is U+FFFD in what is given.
    """
    from harness.store import Store
    from harness.store.location import store_url

    with Store.open(store_url(settings)) as store:
        newest, *older = store.generations(teacher.fingerprint, max_age_s=teacher.settings.max_age_s)
        source = SampleSource(teacher, create_engine(teacher, settings.root), newest, older=tuple(older))
        spending = Spending(settings.limits, {teacher.name: teacher.settings.price})
        sampler = Sampler(store, window=settings.concurrency, spending=spending, asks_again=True)

        async def ask(request: Request, question: KeyedQuestion, number: int) -> Sample:
            try:
                _, sample = await sampler.draw(source, request, question, number)
            except FailedDrawError:
                kept = sampler.failures.get(teacher.fingerprint, {})
                if not any((question.key(each), number) in kept for each in (newest, *older)):
                    raise
                _, sample = await sampler.draw(source, request, replace(question, text=_APART + question.text), number)
            return sample

        async def draw(prompt: str, request: Request, question: KeyedQuestion, number: int) -> Sample | None:
            try:
                sample = await ask(request, question, number)
            except SteelyardError as error:
                failed.add(prompt, error)
                return None
            failed.n_answered += 1
            return _in_whole_characters(sample)

        try:
            yield draw
        finally:
            await sampler.close()
    failed.check()


def _in_whole_characters(sample: Sample) -> Sample:
    if sample.text.isascii():
        return sample
    return replace(sample, text=sample.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
