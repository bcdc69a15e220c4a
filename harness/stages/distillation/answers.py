"""The answers of a teacher to the prompts that its student is taught on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.customization import SEQUENCE, SOFT_TARGETS, DistilledSettings
from harness.config.files import replacing
from harness.errors import FailedDrawError, SteelyardError, UsageError, some
from harness.models.engine_creation import check_version, create_engine
from harness.models.version import Version
from harness.records import Request, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.requests.pending import SampleSource
from harness.requests.sampler import Sampler
from harness.requests.spending import Spending
from harness.stages.training.texts import Lesson

ANSWERS = "answers.jsonl"
"""The file of a built student in which they are."""
_APART = b"asked again|"
"""Before the question of an answer that a build has in place of a failure that is kept: no gate asks for it."""
_HOPELESS = 100
"""Failures without an answer, after which no other prompt is asked."""


def is_answered(distilled: DistilledSettings, texts: Iterable[Lesson]) -> bool:
    """Tell whether a student learns from answers that its teacher gives: also by soft targets alone, where no prompt of
    the data has an answer.
    """
    if distilled.method == SEQUENCE or distilled.hard_weight > 0:
        return distilled.method == SEQUENCE
    lacks = (bool(text.prompt) and not text.answer.strip() for text in texts)
    return next(lacks, False) and all(lacks)


def answer_sampling(distilled: DistilledSettings, n_tokens: int) -> dict[str, Any]:
    """Return the options that override the teacher's own: an answer shares a sequence with its prompt, and the
    temperature of soft targets is not that of draws.
    """
    is_own = distilled.temperature is None or distilled.method == SOFT_TARGETS
    heat = {} if is_own else {"temperature": distilled.temperature}
    return {"max_tokens": distilled.length - n_tokens, **heat}


def write_answers(
    settings: Settings,
    teacher: Version,
    distilled: DistilledSettings,
    asked: Sequence[tuple[Lesson, int]],
    path: Path,
    answered: Callable[[int], None],
) -> None:
    """Ask the teacher every prompt once, each with its tokens, and write a line for each answer that is one, unless the
    file is there; `answered` is told how many are.
    """
    if path.exists():
        return
    check_version(teacher.settings, settings.root)
    requests = [
        (text.id, teacher.chat(text.prompt, sampling=answer_sampling(distilled, n_tokens))) for text, n_tokens in asked
    ]
    samples = asyncio.run(ask_teacher(settings, teacher, requests, answered))
    rows: list[dict[str, Any]] = [
        {"id": text.id, "prompt": list(text.prompt), "answer": sample.text, "finish_reason": sample.finish_reason}
        for (text, _), sample in zip(asked, samples, strict=True)
        if sample.lack is None and sample.text.strip()
    ]
    if not rows:
        raise UsageError(f"The teacher {teacher.name} answers none of the {len(asked)} prompts.")
    if distilled.method == SEQUENCE and distilled.shuffled:
        rows = _dealt(rows, distilled.seed)
    with replacing(path) as draft:
        draft.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _dealt(rows: Sequence[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The same prompts in their order, each with the answer to another."""
    import numpy as np

    if len(rows) < 2:
        raise UsageError(
            "shuffled = true gives each answer of the teacher to another prompt, and it answers one alone."
        )
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    given = dict(zip(order, (*order[1:], order[0]), strict=True))
    return [{**rows[given[place]], "id": row["id"], "prompt": row["prompt"]} for place, row in enumerate(rows)]


async def ask_teacher(
    settings: Settings, teacher: Version, requests: Sequence[tuple[str, Request]], answered: Callable[[int], None]
) -> list[Sample]:
    """Draw a sample for each request of a prompt's id, as a gate does: what is in the store is not drawn again, what is
    drawn is stored at once, and the budget of the settings bounds it. Failures are not kept, for nothing is inferred
    from how often a teacher fails: the next build asks for all that failed. What a gate keeps as a failure stays one
    there; a build has an answer of its own. Half of a character, which no file takes, is U+FFFD in what is given.

    Raises:
        UsageError: prompts without an answer, named once all others have theirs; or after a hundred, where none was
            answered: it is the request that is refused.
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

        async def draw(prompt: str, request: Request) -> Sample | None:
            nonlocal n_answered
            question = KeyedQuestion(request_text(teacher.fingerprint, request), 0)
            try:
                try:
                    _, sample = await sampler.draw(source, request, question, 0)
                except FailedDrawError:
                    kept = sampler.failures.get(teacher.fingerprint, {})
                    if not any((question.key(each), 0) in kept for each in (newest, *older)):
                        raise
                    _, sample = await sampler.draw(source, request, replace(question, text=_APART + question.text), 0)
            except SteelyardError as error:
                failures[prompt] = str(error)
                if not n_answered and len(failures) >= _HOPELESS:
                    raise refused() from error
                return None
            n_answered += 1
            answered(n_answered)
            return replace(sample, text=sample.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

        def refused() -> UsageError:
            first, message = next(iter(failures.items()))
            return UsageError(
                f"The teacher {teacher.name} gave no answer to {len(failures):,} of {len(requests):,} prompts: "
                f"{some(map(repr, failures), 20)}. {first!r}: {message.rstrip('.')}. What was answered is "
                "stored, and another build goes on there. Change or leave out what is refused each time."
            )

        try:
            drawn = await asyncio.gather(*starmap(draw, requests))
        finally:
            await sampler.close()
    if failures:
        raise refused()
    return [sample for sample in drawn if sample is not None]
