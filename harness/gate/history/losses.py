"""What the cases that an evaluation lost have in common: the feature that tells them best, where it is no chance.

Features are of the case (its fields), of the tools that most answers of a version to it call, and of the candidate's
worst answer beside the baseline's best: that it is cut, withheld or empty, its length, and the reason of its score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from scipy.stats import binom, hypergeom

from harness.gate.history.answers import StoredAnswer, answers_of_run
from harness.records import WITHHELD, Case, CaseResult, Loss, SliceResult, Verdict
from harness.records.tool_calls import read_calls
from harness.store import RunInfo, Store

_MOST_CASES = 200
"""Of the lost, and as many of the others."""
_LEAST_SHARE = 0.5
"""Of the lost cases, that what is told of them holds for."""
_WORDS = {
    "no longer call": "no longer call {0}",
    "now call": "now call {0}",
    "call": "call {0}",
    "no call": "do not call {0}",
    "withheld": "are withheld by a content filter",
    "now cut": "are now cut at max_tokens",
    "cut": "are cut at max_tokens",
    "empty": "have no text",
    "shorter": "are less than half as long as the baseline's",
    "longer": "are more than twice as long as the baseline's",
    "field": "have {0}",
    "reason": "say: {0}",
}
"""By the kind of a feature, the first preferred of what tells equally well. A reason mostly follows from the score, and
is told where nothing else is."""
_KINDS = list(_WORDS)
_CHANGES = ("no longer call", "now call", "now cut")
_REVERSE = {"no longer call": "now call", "now call": "no longer call"}


class Feature(NamedTuple):
    """A property of a case or of its answers, with what it is of: a tool, a field with its value, a reason."""

    kind: str
    name: str = ""


def losses(
    store: Store, run: RunInfo, verdicts: Iterable[Verdict], cases: Mapping[str, Sequence[Case]], level: float
) -> tuple[Loss, ...]:
    """Return what each red evaluation lost against the baseline, or of what is required where there is none.

    Args:
        cases: of the evaluations, by id.
        level: the chance with which a common feature may be told of an evaluation that chance alone gave its cases.
    """
    red = [each for each in verdicts if each.verdict.is_red and not each.errors and not each.plan.in_blocks]
    by_evaluation = (_loss(store, run, each, cases.get(each.id, ()), level) for each in red)
    return tuple(each for each in by_evaluation if each.n_lost)


def _loss(store: Store, run: RunInfo, verdict: Verdict, cases: Sequence[Case], level: float) -> Loss:
    decided = [each for each in verdict.cases if each.candidate is not None]
    lost = [each.id for each in decided if _is_lost(each, verdict)]
    others = sorted({each.id for each in decided}.difference(lost))
    by_id = {each.id: each for each in cases}
    red = next((each for each in verdict.slices if each.verdict.is_red), None)
    near = [[name for name in names if _is_in(by_id.get(name), red)][:_MOST_CASES] for names in (lost, others)]
    seen = _seen(answers_of_run(store, run, {verdict.id: {*near[0], *near[1]}}), verdict, by_id)
    near_lost, near_others = ([seen[name] for name in names if name in seen] for names in near)
    whole, common = (
        Loss(verdict.id, verdict.metric, len(lost), len(others)),
        common_feature(near_lost, near_others, level),
    )
    if common is None:
        return whole
    return replace(
        whole,
        shared=_WORDS[common.feature.kind].format(common.feature.name),
        n_seen=len(near_lost),
        n_with=common.n_with,
        n_others_seen=len(near_others),
        n_others_with=common.n_others_with,
        p_value=common.p_value,
    )


def _is_in(case: Case | None, red: SliceResult | None) -> bool:
    """Tell whether a case is of the slice that the sentence begins with; of an evaluation without a red one all are."""
    return red is None or (case is not None and str(case.get(red.field)) == red.value)


def _is_lost(case: CaseResult, verdict: Verdict) -> bool:
    wanted = case.baseline
    if verdict.baseline is None:
        wanted = 1.0 if verdict.is_binary else verdict.plan.threshold
    if case.candidate is None or wanted is None:
        return False
    return case.candidate < wanted if verdict.higher_is_better else case.candidate > wanted


def _seen(
    answers: Iterable[StoredAnswer], verdict: Verdict, cases: Mapping[str, Case]
) -> dict[str, frozenset[Feature]]:
    """The features of each case whose candidate answered."""
    best: dict[tuple[str, str], tuple[float, StoredAnswer, str]] = {}
    called: dict[tuple[str, str], list[set[str]]] = {}
    for each in answers:
        row = next((row for row in each.rows.values() if row.is_of(verdict.metric)), None)
        if row is None or row.value is None or each.sample is None:
            continue
        wants_low = (each.role == "candidate") == verdict.higher_is_better
        rank, place = row.value if wants_low else -row.value, (each.case_id, each.role)
        called.setdefault(place, []).append(_calls(each))
        if place not in best or rank < best[place][0]:
            best[place] = rank, each, row.reason or ""
    by_feature = {}
    for (name, role), (_, answer, reason) in best.items():
        if role == "candidate":
            other, case = best.get((name, "baseline")), cases.get(name)
            calls, before = (_of_most(called.get((name, each), [])) for each in ("candidate", "baseline"))
            features = {*_of_case(case), *_of_answer(answer, reason), *(Feature("call", each) for each in calls)}
            if other is not None:
                features.update(_changed(answer, other[1]))
                features.update(Feature("no longer call", each) for each in before - calls)
                features.update(Feature("now call", each) for each in calls - before)
            by_feature[name] = frozenset(features)
    return by_feature


def _of_case(case: Case | None) -> Iterator[Feature]:
    for name in case or ():
        value = case[name] if case is not None else None
        if name not in ("id", "prompt", "expected") and isinstance(value, str | int):
            yield Feature("field", f"{name} {value}")


def _of_answer(answer: StoredAnswer, reason: str = "") -> Iterator[Feature]:
    sample = answer.sample
    if sample is not None and sample.loglikelihood is None:
        kinds = {"cut": sample.truncated, "withheld": sample.finish_reason in WITHHELD}
        kinds["empty"] = not sample.text.strip() and not _calls(answer)
        yield from (Feature(kind) for kind, is_so in kinds.items() if is_so)
    if reason := " ".join(reason.split()):
        yield Feature("reason", reason)


def _changed(now: StoredAnswer, then: StoredAnswer) -> Iterator[Feature]:
    if now.sample is None or then.sample is None:
        return
    if now.sample.truncated and not then.sample.truncated:
        yield Feature("now cut")
    length, earlier = len(now.sample.text), len(then.sample.text)
    if length and earlier and max(length, earlier) > 2 * min(length, earlier):
        yield Feature("shorter" if length < earlier else "longer")


def _of_most(called: Sequence[set[str]]) -> set[str]:
    """The tools that more than half of the answers call, for one that fails by chance is no change of the version."""
    times = Counter(name for each in called for name in each)
    return {name for name, n in times.items() if 2 * n > len(called)}


def _calls(answer: StoredAnswer) -> set[str]:
    """The tools that the answers of a body called."""
    drawn = [each for each in (*answer.earlier, answer.sample) if each is not None]
    made = [
        calls
        for each in drawn
        for calls in (each.tool_calls, *(turn.get("tool_calls") for turn in each.messages or ()))
    ]
    return {call.name for calls in made for call in read_calls(calls)}


class Common(NamedTuple):
    """A feature, with how many of the lost and of the other cases have it; the least of these is preferred."""

    is_reason: bool
    p_value: float
    order: int
    feature: Feature
    n_with: int
    n_others_with: int


def common_feature(
    lost: Sequence[frozenset[Feature]], others: Sequence[frozenset[Feature]], level: float
) -> Common | None:
    """The feature that tells the lost cases best from the others (Fisher's exact test); where there are none, the
    change that is common to them (the sign test). None where nothing does so at the level, corrected for all that was
    tried (Bonferroni).
    """
    every = [*lost, *others]
    called = {each.name for one in every for each in one if each.kind == "call"}
    every = [one | {Feature("no call", name) for name in called if Feature("call", name) not in one} for one in every]
    lost, others = every[: len(lost)], every[len(lost) :]
    times = Counter(each for one in every for each in one)
    tried = sorted(each for each, n in times.items() if 1 < n < len(every) or (n > 1 and not others))
    candidates = []
    for each in tried:
        n_with = sum(each in one for one in lost)
        if n_with <= _LEAST_SHARE * len(lost):
            continue
        if others:
            chance = float(hypergeom.sf(n_with - 1, len(every), times[each], len(lost)))
        else:
            reverse = times[Feature(_REVERSE[each.kind], each.name)] if each.kind in _REVERSE else 0
            chance = float(binom.sf(n_with - 1, n_with + reverse, 0.5)) if each.kind in _CHANGES else 1.0
        corrected = len(tried) * chance
        if corrected <= level:
            order = _KINDS.index(each.kind)
            candidates.append(Common(each.kind == "reason", corrected, order, each, n_with, times[each] - n_with))
    return min(candidates, default=None)
