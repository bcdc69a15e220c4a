"""Two stored runs weighed against each other: scores from the store, verdicts by the gate's rule, no model call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.decisions import Look, Observations, decide, exit_code, single_looks, worst
from harness.errors import SettingsError, UsageError, some
from harness.gate.evaluations.cases import no_case_matches
from harness.gate.history.flips import FlipCounts, most_changed, tally
from harness.gate.history.runs import WeighedVersion, find_pair, look_of, stored_report
from harness.gate.history.scores import EVERY_CASE, Cases, Pair, Scores, Side, cases_of, rebuild
from harness.records import Change, Report, Request, Usage, Verdict
from harness.store import ScoreSet, Store


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """The part of two runs that is compared, and the rule where it is not the candidate's run that says it.

    Attributes:
        evaluations: ids; None for all.
        cases: a shell pattern of case ids.
        margin, confidence_level: in place of those that the candidate's run was decided with.
        n_changes: how many of the cases that moved are kept with their answers.
        inconclusive: "fail" or "warn", for the exit code.
    """

    evaluations: Collection[str] | None = None
    cases: str = EVERY_CASE
    margin: float | None = None
    confidence_level: float | None = None
    n_changes: int = 10
    inconclusive: str = "fail"


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """The cases that one evaluation was compared on, and how.

    Attributes:
        n_cases: those that both sides have and no body skipped.
        candidate_alone, baseline_alone: cases that one side alone has, which are left out.
        asked_otherwise: in how many of the cases the first samples answer different questions; `example` is one.
        is_sequential: whether it is weighed as a run that stops when it is decided, by the cases drawn in one order.
        why_fixed: why it is not, though a run stopped so; "" where none did, or it is.
        judged_otherwise: whether other judges, or other rubrics, gave the scores of one side than of the other.
    """

    evaluation_id: str
    n_cases: int
    candidate_alone: int
    baseline_alone: int
    asked_otherwise: int
    example: str | None
    judged_otherwise: bool = False
    is_sequential: bool = False
    why_fixed: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two sides.

    Attributes:
        report: as a gate's; `changes` has the cases that moved most, the drops first.
        matched: which evaluations were compared, and which not.
        compared: on what, each of them.
        n_moved: how many cases moved at all, over all metrics.
        tally: of the cases of all metrics.
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
    pair = find_pair(store.runs(), candidate, baseline)
    reports = {run_id: stored_report(store, run_id) for run_id in {each.run.run_id for each in pair}}
    ours, theirs = (Side(each, reports[each.run.run_id]) for each in pair)
    return ours, theirs


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
    matched = match(store, candidate, baseline, choice.evaluations)
    found: list[tuple[Observations, Pair]] = []
    compared: list[ComparisonResult] = []
    for pair in matched.pairs:
        cases = cases_of(pair, choice.cases)
        rebuilt = [rebuild(pair, metric, cases, choice.margin) for metric in pair.metrics]
        is_broken = choice.cases == EVERY_CASE and any(each.errors for each in rebuilt)
        if cases.paired or cases.n_skipped or is_broken:
            found += [(each, pair) for each in rebuilt]
            compared.append(_compared(store, pair, cases))
    if not found:
        raise _nothing(matched, choice, candidate, baseline)
    observed = [each for each, _ in found]
    _check_units(observed, choice.margin)
    n_moved, changes = most_changed(store, found, choice.n_changes)
    return Comparison(
        report=_report(candidate, baseline, observed, changes, choice),
        candidate=candidate,
        baseline=baseline,
        matched=matched,
        compared=tuple(compared),
        n_moved=n_moved,
        tally=sum(map(tally, observed), FlipCounts()),
    )


def _compared(store: Store, pair: Pair, cases: Cases) -> ComparisonResult:
    asked = [] if pair.is_of_one_run else _asked_otherwise(store, pair, cases)
    entries = [*pair.candidate.entries.values(), *pair.baseline.entries.values()]
    return ComparisonResult(
        evaluation_id=entries[0].id,
        n_cases=len(cases.paired),
        candidate_alone=cases.candidate_alone,
        baseline_alone=cases.baseline_alone,
        asked_otherwise=len(asked),
        example=min(asked, default=None),
        judged_otherwise=_judged_otherwise(store, pair),
        is_sequential=cases.is_sequential,
        why_fixed=cases.why_fixed,
    )


def _judged_otherwise(store: Store, pair: Pair) -> bool:
    """Tell whether the two runs judged by other versions or rubrics; most runs have no judge, and are not searched."""
    sides = (pair.candidate, pair.baseline)
    if pair.is_of_one_run or not any(each.side.weighed.run.spec.get("judges") for each in sides):
        return False
    ours, theirs = (store.judged_by(list(each.sets.values())) for each in sides)
    return ours != theirs


def _asked_otherwise(store: Store, pair: Pair, cases: Cases) -> list[str]:
    """The cases that asked something else, as far as the store still has what was asked.

    System texts and sampling parameters are the versions' own, and may differ.
    """
    paired = set(cases.paired)
    differing = store.differing_requests(list(pair.candidate.sets.values()), list(pair.baseline.sets.values()))
    return [case for case, one, other in differing if case in paired and _question(one) != _question(other)]


def _question(request: Request) -> object:
    """Give what a request asks, without what its version adds."""
    return request.user_turns[:1], request.prompt, request.continuation


def _check_units(observed: Sequence[Observations], margin: float | None) -> None:
    """Refuse one margin for evaluations of several units; metrics of one evaluation share theirs in a gate, too."""
    units = sorted({each.unit or "[0, 1]" for each in observed})
    if margin is not None and len(units) > 1 and len({each.id for each in observed}) > 1:
        raise SettingsError(
            f"The margin {margin:g} is one number, and what is compared is measured in {', '.join(units)}. Choose the "
            "evaluation that it is for."
        )


def _nothing(matched: MatchedEvaluations, choice: ComparisonOptions, candidate: Side, baseline: Side) -> UsageError:
    """The error for two sides that have nothing to compare."""
    if matched.pairs and choice.cases != EVERY_CASE:
        known = {case for pair in matched.pairs for case in pair.candidate.known & pair.baseline.known}
        return no_case_matches(choice.cases, known)
    if matched.pairs:
        why = "no case of their evaluations is in both"
    elif matched.against_others:
        why = (
            f"the bodies of {some(matched.against_others)} compare with their own run's baseline, which is another one"
        )
    else:
        why = f"the first has {some(matched.candidate_alone)}, the second {some(matched.baseline_alone)}"
    return SettingsError(
        f"{candidate.weighed}, and {baseline.weighed}, have nothing in common: {why}. Name runs of the same suite."
    )


def _report(
    candidate: Side,
    baseline: Side,
    observed: Sequence[Observations],
    changes: tuple[Change, ...],
    choice: ComparisonOptions,
) -> Report:
    own = candidate.report.confidence_level
    level = own if choice.confidence_level is None else choice.confidence_level
    decided = decide(observed, level, looks=_looks(candidate, baseline, observed))
    verdicts = tuple(_with_contents(verdict, candidate.report) for verdict in decided)
    kinds = [verdict.verdict for verdict in verdicts]
    n_scores = {each.id: _n_scores(each) for each in observed}
    return Report(
        run_id=candidate.report.run_id,
        created=candidate.report.created,
        exit_code=exit_code(kinds, choice.inconclusive),
        verdict=worst(kinds),
        confidence_level=level,
        candidate=candidate.weighed.version,
        baseline=baseline.weighed.version,
        usage=Usage(stored_samples=sum(n_scores.values())),
        evaluations=verdicts,
        changes=changes,
        best_of=candidate.report.best_of if _are_of_one_run(candidate, baseline) else 1,
    )


def _with_contents(verdict: Verdict, report: Report) -> Verdict:
    """The verdict with the digests of its cases that the candidate's run knew."""
    known = {case.id: case for entry in report.evaluations if entry.id == verdict.id for case in entry.cases}
    cases = [
        replace(case, content=own.content, asked=own.asked, fields=own.fields) if (own := known.get(case.id)) else case
        for case in verdict.cases
    ]
    return replace(verdict, cases=tuple(cases))


def _looks(candidate: Side, baseline: Side, observed: Sequence[Observations]) -> dict[str, Look]:
    """Find what each evaluation may spend here: as in its run, if both sides are of one; else its own share."""
    names = [each.id for each in observed]
    run, entries = candidate.weighed.run, {entry.id: entry for entry in candidate.report.evaluations}
    if not _are_of_one_run(candidate, baseline) or not all(name in entries for name in names):
        return single_looks(names)
    return {name: look_of(run, candidate.report, entries[name]) for name in names}


def _are_of_one_run(candidate: Side, baseline: Side) -> bool:
    return candidate.weighed.run.run_id == baseline.weighed.run.run_id


def _n_scores(observed: Observations) -> int:
    assert observed.baseline is not None
    return int((~np.isnan(observed.candidate)).sum() + (~np.isnan(observed.baseline)).sum())


@dataclass(frozen=True, slots=True)
class MatchedEvaluations:
    """The evaluations of two sides.

    Attributes:
        pairs: those that both have scores of, in the order of the candidate's run.
        candidate_alone, baseline_alone: those that one side alone has scores of.
        against_others: those whose bodies compare with their own run's baseline, which is not the same in both runs.
    """

    pairs: tuple[Pair, ...]
    candidate_alone: tuple[str, ...]
    baseline_alone: tuple[str, ...]
    against_others: tuple[str, ...]


def match(store: Store, candidate: Side, baseline: Side, evaluations: Collection[str] | None) -> MatchedEvaluations:
    """Read the scores of all evaluations that both sides have; `evaluations` names those to look at, None all."""
    ours, theirs = _Sets(store, candidate, evaluations), _Sets(store, baseline, evaluations)
    both = [name for name in ours.by_evaluation if name in theirs.by_evaluation]
    against_others = [name for name in both if ours.compared_with(name) != theirs.compared_with(name)]
    return MatchedEvaluations(
        pairs=tuple(
            Pair(
                Scores(store, candidate, ours.by_evaluation[name]),
                Scores(store, baseline, theirs.by_evaluation[name]),
            )
            for name in both
            if name not in against_others
        ),
        candidate_alone=tuple(name for name in ours.by_evaluation if name not in theirs.by_evaluation),
        baseline_alone=tuple(name for name in theirs.by_evaluation if name not in ours.by_evaluation),
        against_others=tuple(against_others),
    )


class _Sets:
    """The sets of scores of one side, by evaluation, of those that its run has a verdict on."""

    def __init__(self, store: Store, side: Side, evaluations: Collection[str] | None) -> None:
        self._run = side.weighed.run
        self._every = store.score_sets(self._run.run_id)
        decided = dict.fromkeys(entry.id for entry in side.report.evaluations)
        own = _of(side.weighed, self._every)
        self.by_evaluation: Mapping[str, list[ScoreSet]] = {
            name: own[name] for name in decided if name in own and (evaluations is None or name in evaluations)
        }

    def compared_with(self, evaluation: str) -> str | None:
        """The fingerprint of the baseline that the bodies of an evaluation compare with themselves, if they do."""
        other = self._run.spec.get("baseline")
        roles = {each.role for each in self._every if each.evaluation_id == evaluation}
        is_recorded = other is not None and "recorded" in other
        return None if other is None or is_recorded or "baseline" in roles else str(other["fingerprint"])


def _of(weighed: WeighedVersion, sets: Iterable[ScoreSet]) -> dict[str, list[ScoreSet]]:
    found: dict[str, list[ScoreSet]] = {}
    for each in sets:
        if each.role == weighed.role and each.fingerprint == weighed.version.fingerprint:
            found.setdefault(each.evaluation_id, []).append(each)
    return found
