"""Stored scores of one evaluation as a gate's decision had them before it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.decisions import Observations
from harness.errors import SettingsError
from harness.gate.evaluations.kinds import misfits
from harness.gate.evaluations.score_table import ScoreTable
from harness.gate.evaluations.slices import slices_again
from harness.gate.history.runs import WeighedVersion
from harness.records import Report, Verdict, kind_and_direction, kind_in_words, same_kind
from harness.scoring.results import METRIC
from harness.store import ScoreSet, Store


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a version of a stored run, and the report of that run."""

    weighed: WeighedVersion
    report: Report


class Scores:
    """The scores that the bodies of one side gave in one evaluation.

    Attributes:
        entries: the run's verdicts on the evaluation, by metric.
        sets: by metric, as the store has them.
        table: the scores.
        known: the cases that have a score or were skipped.
        skipped: the cases that were skipped.
    """

    def __init__(self, store: Store, side: Side, sets: Iterable[ScoreSet]) -> None:
        self.side = side
        self.sets = {each.metric: each for each in sets}
        evaluation = next(iter(self.sets.values())).evaluation_id
        self.entries = {entry.metric: entry for entry in side.report.evaluations if entry.id == evaluation}
        self.table, self.skipped = read_table(store, self.sets.values())
        self.known = self.skipped.union(self.table.case_ids)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the run; none where each body of this side failed an assertion."""
        return tuple(self.entries) if self.table.metrics or list(self.entries) != [METRIC] else ()


def read_table(store: Store, sets: Iterable[ScoreSet]) -> tuple[ScoreTable, frozenset[str]]:
    """The scores of one version in one evaluation, whose sets these are, and the cases that were skipped."""
    arrays = {each.metric: store.score_array(each) for each in sets}
    table = ScoreTable.of_rows(
        (metric, case, values)
        for metric, array in arrays.items()
        for case, values in zip(array.case_ids, array.values, strict=True)
    )
    return table, frozenset(case for array in arrays.values() for case in array.skipped)


@dataclass(frozen=True, slots=True)
class Pair:
    """The scores of both sides in one evaluation."""

    candidate: Scores
    baseline: Scores

    @property
    def is_of_one_run(self) -> bool:
        """Whether both sides were weighed against each other in one run."""
        return self.candidate.side.weighed.run.run_id == self.baseline.side.weighed.run.run_id

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of either side."""
        return tuple(dict.fromkeys([*self.candidate.metrics, *self.baseline.metrics])) or (METRIC,)

    def entry(self, metric: str) -> Verdict:
        """Return the verdict of the candidate's run on a metric, for its threshold, margin, unit and cases."""
        known = self.candidate.entries
        return known.get(metric) or next(iter(known.values()))


def rebuild(pair: Pair, metric: str, cases: Cases, margin: float | None) -> Observations:
    """Both sides' scores of a metric, ready to be decided by the rule that their cases allow.

    Args:
        cases: those of the evaluation.
        margin: in place of that of the candidate's run.

    Raises:
        SettingsError: the margin lets everything pass.
    """
    entry = pair.entry(metric)
    kind = pair.candidate.entries.get(metric) or pair.baseline.entries.get(metric) or entry
    wide = margin is not None and misfits(metric, kind, None, margin)
    if wide and kind.unit is None:
        raise SettingsError(f"--margin {margin:g} lets everything pass: the scores of {entry.id} lie in [0, 1].")
    if wide:
        raise SettingsError(
            f"--margin {margin:g} lets everything pass: {metric!r} of {entry.id} is {kind_in_words(kind)}."
        )
    whole = cases.candidate_alone == 0 and pair.candidate.side.weighed.role == "candidate"
    own = [each.entries[metric] for each in (pair.candidate, pair.baseline) if metric in each.entries]
    is_sequential = cases.is_sequential and any(each.plan.design == "sequential" for each in own)
    is_single = len(pair.candidate.known | pair.baseline.known) == 1
    plan = replace(
        entry.plan,
        per="case" if is_sequential and is_single else "suite",
        design="sequential" if is_sequential else "fixed",
    )
    if margin is not None:
        plan = replace(plan, margin=margin, margin_is_default=False, margin_is_relative=False)
    return replace(
        observed_again(entry, metric, cases.paired, (pair.candidate, pair.baseline)),
        plan=plan,
        unit=kind.unit,
        higher_is_better=kind.higher_is_better,
        at_least=kind.at_least,
        at_most=kind.at_most,
        statistic=kind.statistic,
        largest_cluster=max(each.bet_on_together for each in pair.candidate.entries.values()),
        n_planned=cases.n_planned,
        n_skipped=entry.n_skipped if is_sequential and pair.is_of_one_run else cases.n_skipped,
        n_truncated=entry.n_truncated if whole else 0,
        errors=_errors(pair, metric),
        baseline_is_recorded=pair.baseline.side.weighed.recorded_run is not None,
        stopped_at=(stopped_at(pair.candidate) or stopped_at(pair.baseline)) if cases.is_sequential else "",
        suite_size=_suite_size(entry, cases),
        stakes=entry.look.stakes if entry.look is not None and margin is None else None,
        is_repeatable=any(each.is_repeatable for each in own),
        unanswered=_unanswered(pair, entry),
    )


def observed_again(
    entry: Verdict, metric: str, case_ids: tuple[str, ...], sides: tuple[Scores, Scores | None]
) -> Observations:
    """Stored scores as the decision of a verdict had them.

    Args:
        metric: the verdict's, or another one of its evaluation.
        sides: candidate and baseline.
    """
    candidate, baseline = sides
    clusters = _clusters(entry, case_ids)
    return Observations(
        id=entry.id,
        metric=metric,
        plan=entry.plan,
        case_ids=case_ids,
        candidate=candidate.table.of(metric, case_ids),
        baseline=None if baseline is None else baseline.table.of(metric, case_ids),
        clusters=clusters,
        copies=clusters if entry.clusters_known_by == "texts" else None,
        clusters_known_by=entry.clusters_known_by,
        unit=entry.unit,
        higher_is_better=entry.higher_is_better,
        at_least=entry.at_least,
        at_most=entry.at_most,
        statistic=entry.statistic,
        largest_cluster=entry.bet_on_together,
        n_planned=entry.n_planned,
        suite_size=entry.suite_size,
        baseline_stopped_early=entry.baseline_record is not None and entry.baseline_record.stopped_early,
        stakes=None if entry.look is None else entry.look.stakes,
        is_repeatable=entry.is_repeatable,
        slices=slices_again(entry, case_ids),
    )


def _unanswered(pair: Pair, entry: Verdict) -> Mapping[str, float]:
    """The shares of requests that pairs of blocks left unanswered; blocks of two runs are no pairs, and have none."""
    if not pair.is_of_one_run:
        return {}
    sign = 1 if pair.candidate.side.weighed.role == "candidate" else -1
    return {case.id: sign * case.unanswered for case in entry.cases if case.unanswered is not None}


def _suite_size(entry: Verdict, cases: Cases) -> int:
    """Count the cases of the suite that is compared: those that a pattern leaves are a suite of their own."""
    return entry.suite_size if len(cases.paired) + cases.n_skipped >= entry.n_cases else cases.n_planned


def _clusters(entry: Verdict, case_ids: Sequence[str]) -> tuple[str, ...] | None:
    """The clusters that the candidate's run was decided in."""
    known: Mapping[str, str] = {case.id: case.cluster for case in entry.cases if case.cluster is not None}
    return tuple(known.get(case, f"case {case}") for case in case_ids) if known else None


def _errors(pair: Pair, metric: str) -> tuple[str, ...]:
    """List the errors of either run: nobody knows what an evaluation that broke off would have shown."""
    own, other = pair.candidate.entries.get(metric), pair.baseline.entries.get(metric)
    if pair.is_of_one_run:
        return own.errors if own else ()
    found = [
        f"run {scores.side.weighed.run.run_id}: {error}"
        for scores, entry in ((pair.candidate, own), (pair.baseline, other))
        for error in (entry.errors if entry else ())
    ]
    if own and other and not same_kind(own, other):
        one, two = kind_and_direction(own), kind_and_direction(other)
        found.append(f"{metric!r} is {one}, in the candidate's run, {two}, in the baseline's; run a gate again")
    return tuple(found)


EVERY_CASE = "*"


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of an evaluation.

    Attributes:
        paired: those that both sides have, in the order drawn where they are weighed as a sequential design, else in
            that of the candidate's run.
        n_skipped: those that a body skipped.
        candidate_alone, baseline_alone: how many only one of the sides has.
        is_sequential: whether `paired` are the first ones of one and the same random order.
        why_fixed: why they are not, though a run stopped as soon as it was decided; "" where none did.
        n_planned: how many cases (samples, for a single case) there were to draw at most.
    """

    paired: tuple[str, ...]
    n_skipped: int
    candidate_alone: int
    baseline_alone: int
    is_sequential: bool = False
    why_fixed: str = ""
    n_planned: int = 0


def cases_of(pair: Pair, pattern: str) -> Cases:
    """The cases of both sides whose id matches a shell pattern.

    Where a run stopped as soon as it was decided, or at the end of its budget, only those that it came to are in its
    report, in the order drawn. The sides were drawn in one order if one of them drew everything, or if those that both
    reports have stand in the same order in both.
    """
    ours, theirs = (
        {case for case in each.known if fnmatch.fnmatchcase(case, pattern)} for each in (pair.candidate, pair.baseline)
    )
    skipped = (pair.candidate.skipped | pair.baseline.skipped) & ours & theirs
    paired = (ours & theirs) - skipped
    listed = dict.fromkeys(case for case in _listed(pair.candidate) if case in paired)
    listed.update(dict.fromkeys(sorted(paired.difference(listed))))
    alone = len(ours - theirs), len(theirs - ours)
    sequential = [each for each in (pair.candidate, pair.baseline) if stopped_early(each) or stopped_at(each)]
    if not sequential:
        return Cases(tuple(listed), len(skipped), *alone, n_planned=len(listed))
    order, why = _order([_listed(each) for each in sequential], paired)
    if why:
        return Cases(tuple(listed), len(skipped), *alone, why_fixed=why, n_planned=len(listed))
    planned = min(entry.n_planned for each in sequential for entry in each.entries.values())
    return Cases(
        paired=order,
        n_skipped=len(skipped),
        candidate_alone=alone[0],
        baseline_alone=alone[1],
        is_sequential=True,
        n_planned=planned if pattern == EVERY_CASE else len(order),
    )


def stopped_early(scores: Scores) -> bool:
    """Tell whether one side's run stopped as soon as the evaluation was decided."""
    return any(entry.plan.design == "sequential" for entry in scores.entries.values())


def stopped_at(scores: Scores) -> str:
    """The limit that ended one side's run before its last case; "" where none did."""
    return next((entry.stopped_at for entry in scores.entries.values() if entry.stopped_at is not None), "")


def _listed(scores: Scores) -> Sequence[str]:
    """The cases that a run was decided by, in the order in which it took them."""
    return max(([case.id for case in entry.cases] for entry in scores.entries.values()), key=len, default=[])


def _order(listed: Sequence[Sequence[str]], paired: set[str]) -> tuple[tuple[str, ...], str]:
    """The cases that all have, in the order that all have them in; and why there is no such order."""
    both = paired.intersection(*listed)
    orders = {tuple(case for case in each if case in both) for each in listed}
    if not both:
        return (), "no case that one was decided by is among those of the other"
    if len(orders) > 1:
        return (), "they drew their cases in different orders (another `seed`)"
    return orders.pop(), ""
