"""Scores samples of production by an evaluation's body and judges, and decides whether they fell below a level."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from harness.config import Settings
from harness.config.roles import judge_names
from harness.config.versions import VersionSettings
from harness.errors import EngineError, MarkerError, UsageError, shortened
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.runs.versions import Players
from harness.gate.sampling.bodies import BodyResult, run_body
from harness.gate.sampling.body_errors import NOTHING_ASKED, BodyErrors
from harness.gate.traffic.traces import text_of
from harness.models.version import Version
from harness.records import Case, Plan, Request, Sample
from harness.records.keys import KeyedQuestion
from harness.requests import Model, Sampler, SampleSource, Spending, Trace
from harness.requests.sampler import Kept
from harness.scoring.judging import Judge
from harness.scoring.results import METRIC
from harness.statistics.betting.detection import detect_fall
from harness.store import Store, store_url

_AT_ONCE = 256
_DAY_S = 86_400.0
_LATELY = 7
"""Days of traffic of which half must be measured, as of all."""
_LOWEST = 5
_SOURCE = SampleSource(Version("production", VersionSettings("production", "traces"), "production"), None)


class ScoredSample(NamedTuple):
    """A sample with its scores by metric, and a reason; no scores where it was skipped, or could not be measured."""

    id: str
    time: str
    session: str
    scores: Mapping[str, float] | None
    is_skipped: bool
    reason: str | None

    @property
    def day(self) -> str:
        """The day of its time, in UTC."""
        return self.time[:10]


class _TraceSampler(Sampler):
    """Answers for production from the trace of the case that asks, and for judges as any sampler does."""

    samples: Mapping[str, Case]

    async def draw(self, source: SampleSource, request: Request, question: KeyedQuestion, index: int) -> Kept:
        """Raises EngineError: production was not asked this."""
        if source is not _SOURCE:
            return await super().draw(source, request, question, index)
        answer = None if question.occurrence else answer_in(self.samples[question.case], request)
        if answer is None:
            asked = shortened(text_of([each.get("content") for each in request.messages[-1:]]) or request.prompt)
            again = " again" if question.occurrence else ""
            raise EngineError(f"the body asks {asked}{again}, which production was not asked", "another question")
        return question.key(0), Sample(answer, stored=True)


def answer_in(sample: Case, request: Request) -> str | None:
    """What production answered to its user's last question, or to all turns, whatever its system text; None where it
    was not asked that.
    """
    is_asked = _turns(request.messages) in ([("user", sample.prompt)], _turns(sample.messages))
    return str(sample.output) if is_asked and request.kind == "chat" else None


def _turns(messages: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    kept = (each for each in messages if each["role"] not in ("system", "developer"))
    return [(each["role"], text_of(each.get("content"))) for each in kept]


async def score_samples(
    evaluation: Evaluation, samples: Iterable[Case], settings: Settings, show_progress: Callable[[int], None]
) -> tuple[list[ScoredSample], tuple[str, ...]]:
    """The scores of samples, and why some could not be measured, the most frequent reason first. Judges' answers come
    from the store and go there; of production nothing does. Progress is how many are done.

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
            while chunk := list(islice(rest, _AT_ONCE)):
                sampler.samples = {each.id: each for each in chunk}
                for each, error in await asyncio.gather(*(_score(evaluation, each, sampler, judges) for each in chunk)):
                    if error is not None:
                        errors.add(len(scored), error)
                    scored.append(each)
                show_progress(len(scored))
        finally:
            await sampler.close()
    zeros = dict.fromkeys(sorted({name for each in scored for name in each.scores or ()}) or [METRIC], 0.0)
    filled = [each._replace(scores=zeros) if each.scores == {} else each for each in scored]
    return filled, errors.lines(len(scored), lambda number: scored[number].id)


async def _score(
    evaluation: Evaluation, sample: Case, sampler: _TraceSampler, judges: Sequence[SampleSource]
) -> tuple[ScoredSample, BaseException | None]:
    """The sample with its scores, {} where it failed an assertion, which names no metric; and what went wrong."""
    trace = Trace(sample.id)
    models = [Model(sampler, each, 0, trace, is_other=True) for each in judges]
    judge = Judge(models, evaluation.rubrics, sample.id, trace)
    offered = {"case": sample, "model": Model(sampler, _SOURCE, 0, trace), "judge": judge}
    given = {**evaluation.arguments, **{name: offered[name] for name in evaluation.wants}}
    body = await run_body(evaluation.body, given, evaluation.classify, trace, is_aimed=False)
    if not trace.own and body.error is None and not body.skipped:
        body = BodyResult(error=MarkerError(NOTHING_ASKED))
    readings = {} if body.failed else body.readings
    for each in (readings or {}).values():
        if each.unit:
            raise MarkerError(f"{evaluation.id} measures {each.unit}: only scores from 0 to 1 can be watched.")
    scores = None if readings is None else {name: each.value for name, each in readings.items()}
    reason = next((each.reason for each in (readings or {}).values() if each.reason), body.reason or body.assertion)
    return ScoredSample(sample.id, sample.time, sample.session, scores, body.skipped, reason), body.error


# -- the decision -----------------------------------------------------------------------------------------------------


def level_of(plan: Plan, level: float | None) -> float:
    """The level that is watched: the threshold less the margin where none is given.

    Raises:
        UsageError: there is none that a mean could fall below.
    """
    if level is None and plan.threshold is not None:
        level = plan.threshold - plan.margin
    if level is None or not 0 < level < 1:
        why = "the evaluation has no threshold" if level is None else f"{level:g} is not between 0 and 1"
        raise UsageError(f"There is no level to watch, for {why}: give --level SCORE.")
    return level


def watch_samples(scored: Sequence[ScoredSample], level: float, days: float) -> dict[str, Any]:
    """The report: "unchanged", "changed" or "could not measure", and why.

    Args:
        days: between false alarms, in the mean, at least; each metric has its share of them.
    """
    names = sorted({name for each in scored for name in each.scores or ()}) or [METRIC]
    metrics = {name: _watched(scored, name, level, days * len(names)) for name in names}
    alarms = [each for each in metrics.values() if each["alarm"]]
    last_days = sorted({each.day for each in scored})[-_LATELY:]
    lately = [each for each in scored if each.day in last_days]
    is_open = not any(each.scores for each in scored) or any(2 * _n_lost(own) >= len(own) for own in (scored, lately))
    verdict, code = ("changed", 1) if alarms else ("could not measure", 8) if is_open else ("unchanged", 0)
    began = min((each["began"] for each in alarms), default="")
    since = [(min(each.scores.values()), each.time, each) for each in scored if each.scores and each.day >= began]
    lowest = sorted(since, key=lambda each: (*each[:2], each[2].id))[:_LOWEST]
    return {
        "schema_version": 1,
        "verdict": verdict,
        "exit_code": code,
        "days_between_false_alarms": days,
        "samples": len(scored),
        "skipped": sum(each.is_skipped for each in scored),
        "unmeasured": _n_lost(scored),
        "metrics": metrics,
        "lowest": [{"id": e.id, "day": e.day, "score": score, "reason": e.reason} for score, _, e in lowest],
    }


def _n_lost(samples: Sequence[ScoredSample]) -> int:
    return sum(not each.scores and not each.is_skipped for each in samples)


def _watched(scored: Sequence[ScoredSample], name: str, level: float, limit: float) -> dict[str, Any]:
    """What became of a metric. A session has one observation a day: the mean of its scores, at the time of its last. At
    stake is the time since the observation before, a day at most.
    """
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for each in scored:
        if each.scores and name in each.scores:
            time = datetime.fromisoformat(each.time).timestamp()
            groups[each.day, each.session or f"\0{each.id}"].append((time, each.scores[name]))
    observed = sorted((max(own)[0], key, float(np.mean(own, axis=0)[1])) for key, own in groups.items())
    times, scores = np.array([time for time, *_ in observed]), [score for *_, score in observed]
    stakes = np.minimum(np.diff(times, prepend=times[:1]), _DAY_S) / _DAY_S
    evidence, alarm, began = detect_fall(scores, stakes, level, limit)
    return {
        "level": level,
        "mean": float(np.mean(scores)) if scores else None,
        "observations": len(scores),
        "evidence": evidence,
        "limit": limit,
        "alarm": None if alarm is None else observed[alarm][1][0],
        "began": None if began is None else observed[began][1][0],
    }
