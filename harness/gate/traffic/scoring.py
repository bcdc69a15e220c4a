"""Scores samples of production by an evaluation's own body and judges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from harness.config import Settings
from harness.config.roles import judge_names
from harness.config.versions import VersionSettings
from harness.errors import EngineError, MarkerError, shortened
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.runs.opening import check_judges
from harness.gate.runs.versions import Players
from harness.gate.sampling.bodies import BodyResult, run_body
from harness.gate.sampling.body_errors import NOTHING_ASKED, BodyErrors
from harness.gate.traffic.traces import ProductionSample, text_of
from harness.models.version import Version
from harness.records import Request, Sample
from harness.records.keys import KeyedQuestion
from harness.requests import Model, Sampler, SampleSource, Spending, Trace
from harness.requests.sampler import Kept
from harness.scoring.judging import Judge
from harness.scoring.results import METRIC
from harness.store import Store, store_url

_AT_ONCE = 256
_SOURCE = SampleSource(Version("production", VersionSettings("production", "traces"), "production"), None)


class ScoredSample(NamedTuple):
    """A sample with its scores by metric, and a reason; no scores where it was skipped, or could not be measured."""

    id: str
    time: float
    session: str
    scores: Mapping[str, float] | None
    is_skipped: bool
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
            again = " again" if question.occurrence else ""
            raise EngineError(f"the body asks {asked}{again}, which production was not asked", "another question")
        calls = tuple(answer.get("tool_calls", ())) or None
        return question.key(0), Sample(answer["content"], tool_calls=calls, stored=True)


def answer_in(sample: ProductionSample, request: Request) -> Mapping[str, Any] | None:
    """What production answered, whatever its system text: to the last thing that its user said, or to all turns before
    one of its answers; None where it was not asked that.
    """
    asked = _turns(request.messages)
    if request.kind == "chat" and asked == [("user", sample.prompt)]:
        return sample.messages[-1]
    places = (place for place, turn in enumerate(sample.messages) if turn["role"] == "assistant" and asked)
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
    others, plan = sorted(evaluation.wants - {"case", "model", "judge"}), evaluation.plan
    if others or evaluation.weighs_judge or evaluation.aggregation or plan.aim or "model" not in evaluation.wants:
        what = f"takes `{others[0]}`" if others else "does not score the answers of a `model`, each by itself, upwards"
        raise MarkerError(f"{evaluation.id} {what}: production has answers alone. Watch another evaluation.")
    scored: list[ScoredSample] = []
    errors, rest, names = BodyErrors(), iter(samples), judge_names(settings) if "judge" in evaluation.wants else ()
    with Store.open(store_url(settings)) as store:
        players, spending = Players(settings, (), store), Spending(settings.limits)
        sampler = _TraceSampler(store, window=settings.concurrency, spending=spending, find_source=players.find)
        try:
            judges = [await players.find(name) for name in names]
            check_judges(names, {name: each.engine for name, each in zip(names, judges, strict=True) if each.engine})
            while chunk := list(islice(rest, _AT_ONCE)):
                sampler.samples = {each.id: each for each in chunk}
                bodies = await asyncio.gather(*(_run(evaluation, each, sampler, judges) for each in chunk))
                for sample, body in zip(chunk, bodies, strict=True):
                    if body.error is not None:
                        errors.add(len(scored), body.error)
                    scored.append(_scored(sample, body))
                seen(len(scored))
        finally:
            await sampler.close()
    zeros = dict.fromkeys(sorted({name for each in scored for name in each.scores or ()}) or [METRIC], 0.0)
    filled = [each._replace(scores=zeros) if each.scores == {} else each for each in scored]
    return filled, errors.lines(len(scored), lambda number: scored[number].id)


def _scored(sample: ProductionSample, body: BodyResult) -> ScoredSample:
    """The sample with its scores: {} where it failed an assertion, which names no metric."""
    readings = {} if body.failed else body.readings
    scores = None if readings is None else {name: each.value for name, each in readings.items()}
    reason = next((each.reason for each in (readings or {}).values() if each.reason), body.reason or body.assertion)
    return ScoredSample(sample.id, sample.time or 0.0, sample.session, scores, body.skipped, reason)


async def _run(
    evaluation: Evaluation, sample: ProductionSample, sampler: _TraceSampler, judges: Sequence[SampleSource]
) -> BodyResult:
    trace = Trace(sample.id)
    models = [Model(sampler, each, 0, trace, is_other=True) for each in judges]
    judge = Judge(models, evaluation.rubrics, sample.id, trace)
    offered = {"case": sample.case, "model": Model(sampler, _SOURCE, 0, trace), "judge": judge}
    given = {**evaluation.arguments, **{name: offered[name] for name in evaluation.wants}}
    body = await run_body(evaluation.body, given, evaluation.classify, trace, is_aimed=False)
    if unit := next((each.unit for each in (body.readings or {}).values() if each.unit), None):
        raise MarkerError(f"{evaluation.id} measures {unit}: only scores from 0 to 1 can be watched.")
    is_idle = not trace.own and body.error is None and not body.skipped
    return BodyResult(error=MarkerError(NOTHING_ASKED)) if is_idle else body
