"""Two stored runs weighed against each other: scores from the store, verdicts by the gate's rule, no model call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from harness.decisions import Observations, decide, exit_code, single_looks, worst
from harness.decisions.looks import CLOSED
from harness.decisions.observations import has_score
from harness.errors import SettingsError, UsageError, some
from harness.gate.evaluations.cases import no_case_matches
from harness.gate.evaluations.examples import change_of
from harness.gate.history.answers import with_answers
from harness.gate.history.runs import find_pair, stored_report
from harness.gate.history.scores import EVERY_CASE, Pair, Scores, Side, scores_of
from harness.records import Change, Look, Report, Request, ScoringRule, Usage
from harness.statistics.arrays import case_means
from harness.store import Store

_CLEAR = 0.75
"""How often a sample of one version has to be the better one, for a case that has moved."""


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """The part of two runs that is compared, and the rule where it is not the candidate's run that says it.

    Attributes:
        evaluations: ids; None for all.
        cases: a shell pattern of case ids; a part of them is shown and decides nothing, as in a gate.
        margin, confidence_level: in place of those that the candidate's run was decided with; a margin that is a text
            is one in per cent ("5%").
        n_changes: how many of the cases that moved are kept with their answers.
        inconclusive: "fail" or "warn", for the exit code.
    """

    evaluations: Collection[str] | None = None
    cases: str = EVERY_CASE
    margin: float | str | None = None
    confidence_level: float | None = None
    n_changes: int = 10
    inconclusive: str = "fail"


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """The cases that one evaluation was compared on, and how.

    Attributes:
        n_cases: those that both sides have and no body skipped; those of one side alone are left out.
        asked_otherwise: in how many of the cases the first samples answer different questions; `example` is one.
        judged_otherwise: whether other judges, or other rubrics, gave the scores of one side than of the other.
        is_sequential: whether it is weighed as a run that stops when it is decided, by the cases drawn in one order.
        why_fixed: why it is not, though a run stopped so; "" where none did, or it is.
    """

    evaluation_id: str
    n_cases: int
    candidate_alone: int
    baseline_alone: int
    asked_otherwise: int
    example: str | None
    judged_otherwise: bool
    is_sequential: bool
    why_fixed: str


class MatchedEvaluations(NamedTuple):
    """The evaluations of two sides: those that both have scores of, in the order of the candidate's run; those of one
    side alone; and those whose bodies compare with their own run's baseline, which is another one.
    """

    pairs: tuple[Pair, ...]
    candidate_alone: tuple[str, ...]
    baseline_alone: tuple[str, ...]
    against_others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlipCounts:
    """The numbers of cases that were stable, flaky, improved or worsened.

    Draw one sample of each version: a case has worsened when the candidate's is the worse one at least 3 times in 4 (of
    right and wrong: when its rate fell by half or more), and improved when it is the better one as often. Of the others
    it is stable where every sample of both versions scored the same.
    """

    stable: int = 0
    flaky: int = 0
    improved: int = 0
    worsened: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two sides: a report as a gate's, whose `changes` are the cases that moved most; on what
    each evaluation was compared; how many cases moved at all, and their tally, over all metrics.
    """

    report: Report
    candidate: Side
    baseline: Side
    matched: MatchedEvaluations
    compared: tuple[ComparisonResult, ...]
    n_moved: int
    tally: FlipCounts


def sides(store: Store, candidate: str, baseline: str) -> tuple[Side, Side]:
    """Find the sides that two names of stored runs or versions stand for, each with the report of its run.

    Raises:
        SettingsError: as `find_pair` has it.
    """
    ours, theirs = find_pair(store.runs(), candidate, baseline)
    report = stored_report(store, ours.run.run_id)
    is_one_run = ours.run.run_id == theirs.run.run_id
    return Side(ours, report), Side(theirs, report if is_one_run else stored_report(store, theirs.run.run_id))


def compare(
    store: Store, candidate: Side, baseline: Side, choice: ComparisonOptions = ComparisonOptions()
) -> Comparison:
    """Weigh one side against the other on the cases that both have.

    Thresholds, margins, requirements, units and the order of the cases are those of the candidate's run. All
    evaluations are decided together; one that stopped as soon as it was decided, by the rule by which it stopped, if
    both sides drew their cases in the same order.

    Raises:
        SettingsError, CaseError: nothing is left that both sides have, or the margin can't be.
    """
    matched = match(store, candidate, baseline, choice.evaluations, choice.cases)
    every: list[Observations] = []
    compared: list[ComparisonResult] = []
    for pair in matched.pairs:
        observed = [pair.observed(metric, choice.margin) for metric in pair.metrics]
        if pair.case_ids or pair.n_skipped or any(each.errors for each in observed):
            every += observed
            compared.append(_compared(store, pair))
    if not every:
        raise _nothing(matched, choice, candidate, baseline)
    units = sorted({each.unit or "[0, 1]" for each in every})
    if isinstance(choice.margin, float) and len(units) > 1 and len(compared) > 1:
        raise SettingsError(
            f"The margin {choice.margin:g} is one number, and what is compared is measured in {', '.join(units)}. "
            "Choose the evaluation that it is for."
        )
    n_moved, changes = most_changed(store, every, (candidate, baseline), choice.n_changes)
    report = replace(_report(candidate, baseline, every, choice), changes=changes)
    return Comparison(report, candidate, baseline, matched, tuple(compared), n_moved, tally(every))


def match(
    store: Store, candidate: Side, baseline: Side, evaluations: Collection[str] | None = None, cases: str = EVERY_CASE
) -> MatchedEvaluations:
    """Find the scores of all evaluations that both sides have, of these ids, and the cases of this shell pattern."""
    ours, theirs = ({each.id: each for each in scores_of(store, side, evaluations)} for side in (candidate, baseline))
    both = [name for name in ours if name in theirs]
    against_others = [name for name in both if ours[name].compared_with != theirs[name].compared_with]
    return MatchedEvaluations(
        pairs=tuple(Pair(ours[name], theirs[name], cases) for name in both if name not in against_others),
        candidate_alone=tuple(name for name in ours if name not in theirs),
        baseline_alone=tuple(name for name in theirs if name not in ours),
        against_others=tuple(against_others),
    )


def _compared(store: Store, pair: Pair) -> ComparisonResult:
    asked: list[str] = []
    if not pair.is_of_one_run:
        ours, theirs = ([*each.sets.values()] for each in (pair.candidate, pair.baseline))
        differing = store.differing_requests(ours, theirs)
        asked = [case for case, one, other in differing if _question(one) != _question(other)]
    asked = sorted({*asked} & {*pair.case_ids})
    return ComparisonResult(
        evaluation_id=pair.candidate.id,
        n_cases=len(pair.case_ids),
        candidate_alone=pair.candidate_alone,
        baseline_alone=pair.baseline_alone,
        asked_otherwise=len(asked),
        example=next(iter(asked), None),
        judged_otherwise=not pair.is_of_one_run and _judges(store, pair.candidate) != _judges(store, pair.baseline),
        is_sequential=pair.is_in_order,
        why_fixed=pair.other_orders,
    )


def _judges(store: Store, scores: Scores) -> frozenset[ScoringRule]:
    """By whom and by what rules scores were given; most runs have no judge, and are not searched."""
    has_judges = scores.side.weighed.run.spec.get("judges")
    return store.judged_by([*scores.sets.values()]) if has_judges else frozenset()


def _question(request: Request) -> object:
    """Give what a request asks, without what its version adds: system texts and sampling parameters."""
    return request.user_turns[:1], request.prompt, request.continuation


def _nothing(matched: MatchedEvaluations, choice: ComparisonOptions, candidate: Side, baseline: Side) -> UsageError:
    """The error for two sides that have nothing to compare."""
    pairs, why = matched.pairs, "no case of their evaluations is in both"
    if pairs and choice.cases != EVERY_CASE:
        known = (case for pair in pairs for case in pair.candidate.known & pair.baseline.known)
        return no_case_matches(choice.cases, known)
    if matched.against_others and not pairs:
        others = some(matched.against_others)
        why = f"the bodies of {others} compare with their own run's baseline, which is another one"
    elif not pairs:
        why = f"the first has {some(matched.candidate_alone)}, the second {some(matched.baseline_alone)}"
    sides = f"{candidate.weighed}, and {baseline.weighed}"
    return SettingsError(f"{sides}, have nothing in common: {why}. Name runs of the same suite.")


def _report(candidate: Side, baseline: Side, observed: Sequence[Observations], choice: ComparisonOptions) -> Report:
    own = candidate.report
    is_one_run = candidate.weighed.run.run_id == baseline.weighed.run.run_id
    looks = single_looks([each.id for each in observed])
    if is_one_run:  # what each evaluation may spend is what it had then
        looks |= {entry.id: entry.look or Look(batch=CLOSED) for entry in own.evaluations if entry.id in looks}
    level = own.confidence_level if choice.confidence_level is None else choice.confidence_level
    known = {(entry.id, case.id): case for entry in own.evaluations for case in entry.cases}
    verdicts = []
    for verdict in decide(observed, level, looks=looks):
        of_run = [(case, known.get((verdict.id, case.id), case)) for case in verdict.cases]
        cases = [replace(case, content=then.content, asked=then.asked, fields=then.fields) for case, then in of_run]
        verdicts.append(replace(verdict, cases=tuple(cases)))
    kinds = [verdict.verdict for verdict in verdicts]
    arrays = {each.id: (each.candidate, each.baseline) for each in observed}
    n_scores = sum(int((~np.isnan(side)).sum()) for both in arrays.values() for side in both if side is not None)
    return Report(
        run_id=own.run_id,
        created=own.created,
        exit_code=exit_code(kinds, choice.inconclusive),
        verdict=worst(kinds),
        confidence_level=level,
        candidate=candidate.weighed.version,
        baseline=baseline.weighed.version,
        usage=Usage(stored_samples=n_scores),
        evaluations=tuple(verdicts),
        best_of=own.best_of if is_one_run else 1,
    )


def tally(observed: Iterable[Observations]) -> FlipCounts:
    """Count the cases that have scores of both versions, over all metrics."""
    counts = np.zeros(4, dtype=int)
    for each in observed:
        assert each.baseline is not None
        common = each.scored & has_score(each.baseline)
        if not common.any():
            continue
        ours, theirs = each.candidate[common], each.baseline[common]
        wins = sum(((one > theirs) + 0.5 * (one == theirs)).sum(axis=1) for one in ours.T[:, :, np.newaxis])
        better = wins / ((~np.isnan(ours)).sum(axis=1) * (~np.isnan(theirs)).sum(axis=1))
        if not each.higher_is_better:
            better = 1 - better
        every = np.hstack([ours, theirs])
        is_stable = np.nanmax(every, axis=1) == np.nanmin(every, axis=1)
        improved, worsened = better >= _CLEAR, better <= 1 - _CLEAR
        counts += [which.sum() for which in (is_stable, ~(is_stable | improved | worsened), improved, worsened)]
    return FlipCounts(*counts.tolist())


def most_changed(
    store: Store, observed: Sequence[Observations], sides: tuple[Side, Side], most: int
) -> tuple[int, tuple[Change, ...]]:
    """Count the cases that moved, and give those that moved most with an answer of each version: drops, then gains.

    Scores are ranked by how far their mean moved, measures by the share of the larger one.
    """
    moved: list[tuple[float, bool, int, int]] = []  # by how much, whether it is a gain, of which metric, in which row
    for number, each in enumerate(observed):
        assert each.baseline is not None
        ours, theirs = case_means(each.candidate), case_means(each.baseline)
        moves = ours - theirs if each.higher_is_better else theirs - ours
        rows = np.flatnonzero(np.abs(moves) > 0)
        scale = 1.0 if each.unit is None else np.maximum(np.abs(ours), np.abs(theirs))
        sizes = np.abs(moves / scale)[rows].tolist()
        moved += zip(sizes, (moves[rows] > 0).tolist(), [number] * len(rows), rows.tolist(), strict=True)
    moved.sort(key=lambda each: (-each[0], *each[1:]))
    chosen = sorted(moved[:most], key=lambda each: (each[1], -each[0], *each[2:]))
    changes = [change_of(observed[number], row) for _, _, number, row in chosen]
    lower = {(each.id, each.metric) for each in observed if not each.higher_is_better}
    candidate, baseline = (side.weighed.source for side in sides)
    return len(moved), tuple(with_answers(store, changes, {"candidate": candidate, "baseline": baseline}, lower))
