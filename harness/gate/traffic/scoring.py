"""Scores samples of production by an evaluation's own body and judges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from harness.config import Settings
from harness.config.roles import judge_names
from harness.config.versions import VersionSettings
from harness.errors import EngineError, MarkerError, shortened
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.runs.opening import check_judges
from harness.gate.runs.versions import Players
from harness.gate.sampling.bodies import run_body
from harness.gate.sampling.body_errors import NOTHING_ASKED, BodyErrors, describe
from harness.gate.traffic.traces import ProductionSample, text_of
from harness.models.version import Version
from harness.records import Request, Sample
from harness.records.keys import KeyedQuestion
from harness.requests import Model, Sampler, SampleSource, Spending, Trace
from harness.requests.sampler import Kept
from harness.scoring.judging import Judge
from harness.store import Store, store_url

_AT_ONCE = 256
_SOURCE = SampleSource(Version("production", VersionSettings("production", "traces"), "production"), None)


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """A sample with its scores by metric: 0 on all where it `failed`; None where it was skipped or not measured."""

    id: str
    time: float
    session: str
    scores: Mapping[str, float] | None
    failed: bool
    skipped: bool
    reason: str | None


class _TraceSampler(Sampler):
    """Answers for production from the trace of the case that asks, and for judges as any sampler does."""

    samples: Mapping[str, ProductionSample]

    async def draw(self, source: SampleSource, request: Request, question: KeyedQuestion, index: int) -> Kept:
        """Raises EngineError: production was not asked this."""
        if source is not _SOURCE:
            return await super().draw(source, request, question, index)
        answer = None if question.occurrence else answer_in(self.samples[question.case], request)
        if answer is None:
            asked = shortened(text_of([each.get("content") for each in request.messages[-1:]]) or request.prompt)
            raise EngineError(f"the body asks {asked}, which production was not asked", "another question")
        return question.key(0), Sample(answer["content"], tool_calls=tuple(answer.get("tool_calls", ())) or None, stored=True)


def answer_in(sample: ProductionSample, request: Request) -> Mapping[str, Any] | None:
    """What production answered to a request, whatever system text it had: to the last thing that its user said, or to
    all turns before one of its answers; None where it was not asked that.
    """
    asked = _turns(request.messages)
    if request.kind != "chat" or not asked:
        return None
    if asked == [("user", sample.case.prompt)]:
        return sample.messages[-1]
    places = (place for place, turn in enumerate(sample.messages) if turn["role"] == "assistant")
    return next((sample.messages[place] for place in places if _turns(sample.messages[:place]) == asked), None)


def _turns(messages: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    kept = (each for each in messages if each["role"] not in ("system", "developer"))
    return [(each["role"], text_of(each.get("content"))) for each in kept]


async def score_samples(
    evaluation: Evaluation, samples: Iterable[ProductionSample], settings: Settings, seen: Callable[[int], None]
) -> tuple[list[ScoredSample], tuple[str, ...]]:
    """The scores of samples, and why some could not be measured, the most frequent reason first. Judges' answers come
    from the store and go there; of production nothing does. `seen` is told how many are done.

    Raises:
        MarkerError: the evaluation asks more of a version than traces have, or gives what is no score.
    """
    if others := sorted(evaluation.wants - {"case", "model", "judge"}):
        raise MarkerError(f"{evaluation.id} takes `{others[0]}`, which production has not: traces have answers alone.")
    if evaluation.weighs_judge or evaluation.aggregation is not None or "model" not in evaluation.wants:
        raise MarkerError(f"{evaluation.id} does not score the answers of a `model`, one by one: watch one that does.")
    scored: list[ScoredSample] = []
    errors, rest = BodyErrors(), iter(samples)
    with Store.open(store_url(settings)) as store:
        players, spending = Players(settings, (), store), Spending(settings.limits)
        sampler = _TraceSampler(store, window=settings.concurrency, spending=spending, find_source=players.find)
        try:
            names = judge_names(settings) if "judge" in evaluation.wants else ()
            judges = [await players.find(name) for name in names]
            check_judges(names, {name: each.engine for name, each in zip(names, judges, strict=True) if each.engine})
            while chunk := list(islice(rest, _AT_ONCE)):
                sampler.samples = {each.id: each for each in chunk}
                places = enumerate(chunk, len(scored))
                scored += await asyncio.gather(
                    *(_score(evaluation, each, sampler, judges, lambda error, at=at: errors.add(at, error)) for at, each in places)
                )
                seen(len(scored))
        finally:
            await sampler.close()
    return scored, errors.lines(len(scored), lambda number: scored[number].id)


async def _score(
    evaluation: Evaluation,
    sample: ProductionSample,
    sampler: _TraceSampler,
    judges: Sequence[SampleSource],
    note: Callable[[BaseException], None],
) -> ScoredSample:
    trace, given = Trace(sample.id), dict(evaluation.arguments)
    offered = {
        "case": sample.case,
        "model": Model(sampler, _SOURCE, 0, trace),
        "judge": Judge([Model(sampler, each, 0, trace, is_other=True) for each in judges], evaluation.rubrics, sample.id, trace),
    }
    given |= {name: offered[name] for name in evaluation.wants}
    outcome = await run_body(
        evaluation.body, given, evaluation.classify, trace, is_aimed=evaluation.plan.aim is not None
    )
    readings, error, scores = outcome.readings or {}, outcome.error, None
    if unit := next((each.unit for each in readings.values() if each.unit), None):
        raise MarkerError(f"{evaluation.id} measures {unit}: only scores from 0 to 1 can be watched.")
    if error is None and not outcome.skipped:
        error = None if trace.own else MarkerError(NOTHING_ASKED)
        scores = {name: each.value for name, each in readings.items()} if trace.own else None
    if error is not None:
        note(error)
    reasons = (each.reason for each in readings.values() if each.reason)
    reason = describe(error) if error else next(reasons, outcome.reason or outcome.assertion)
    return ScoredSample(sample.id, sample.time or 0.0, sample.session, scores, outcome.failed, outcome.skipped, reason)
