"""Stored scores of one evaluation, and what a decision starts from, made of them and the stored plan."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from harness.decisions import Observations
from harness.errors import SettingsError
from harness.gate.evaluations.evaluation import share_of_baseline
from harness.gate.evaluations.kinds import misfits, without_ratio
from harness.gate.evaluations.score_table import ScoreTable
from harness.gate.evaluations.slices import slices_again
from harness.gate.history.runs import WeighedVersion
from harness.records import Kind, Report, Verdict, kind_and_direction, kind_in_words, same_kind
from harness.scoring.results import METRIC
from harness.store import ScoreSet, Store

EVERY_CASE = "*"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a version of a stored run, and the report of that run."""

    weighed: WeighedVersion
    report: Report


class Scores:
    """The scores that the bodies of one side gave in one evaluation.

    Attributes:
        id: of the evaluation.
        entries: the run's verdicts on the evaluation, by metric.
        sets: by metric, as the store has them; `table` is what they hold.
        skipped: the cases that were skipped; `known` are these and those that have a score.
        compared_with: the fingerprint of the baseline that its bodies compare with themselves, if they do.
        metrics: of the run; none where each body of this side failed an assertion.
        listed: the cases that the run was decided by, in the order in which it took them.
        stopped_at: the limit that ended the run before its last case; "" where none did.
        is_in_order: whether the run took the cases in a random order, and stopped when it was decided or at a limit.
    """

    def __init__(self, store: Store, side: Side, sets: Iterable[ScoreSet], compared_with: str | None = None) -> None:
        self.side, self.compared_with = side, compared_with
        self.sets = {each.metric: each for each in sets}
        self.id = next(iter(self.sets.values())).evaluation_id
        self.entries = {entry.metric: entry for entry in side.report.evaluations if entry.id == self.id}
        arrays = {metric: store.score_array(each) for metric, each in self.sets.items()}
        self.table = ScoreTable.of_rows(
            (name, case, values)
            for metric, array in arrays.items()
            for name, table, is_there in (
                (metric, array.values, ~np.isnan(array.values)),
                (None, array.failed, array.failed),
            )
            if is_there.any()
            for case, values in zip(array.case_ids, table, strict=True)
        )
        self.skipped = frozenset(case for array in arrays.values() for case in array.skipped)
        self.known = self.skipped.union(self.table.case_ids)
        self.metrics = tuple(self.entries) if self.table.metrics or list(self.entries) != [METRIC] else ()
        entries = self.entries.values()
        self.listed = max(([case.id for case in entry.cases] for entry in entries), key=len, default=[])
        self.stopped_at = next((entry.stopped_at for entry in entries if entry.stopped_at is not None), "")
        self.is_in_order = self.stopped_at != "" or any(entry.plan.design == "sequential" for entry in entries)


def scores_of(store: Store, side: Side, evaluations: Collection[str] | None = None) -> list[Scores]:
    """The scores of a side in each evaluation that its run has a verdict on; `evaluations` names those wanted."""
    weighed, sets = side.weighed, dict[str, list[ScoreSet]]()
    apart = set()
    for each in store.score_sets(weighed.run.run_id):
        if each.role == "baseline":
            apart.add(each.evaluation_id)
        if (each.role, each.fingerprint) == (weighed.role, weighed.version.fingerprint):
            sets.setdefault(each.evaluation_id, []).append(each)
    other = weighed.run.spec.get("baseline") or {"recorded": None}
    against = None if "recorded" in other else str(other["fingerprint"])
    return [
        Scores(store, side, sets[name], None if name in apart else against)
        for name in dict.fromkeys(entry.id for entry in side.report.evaluations)
        if name in sets and (evaluations is None or name in evaluations)
    ]


class Pair:
    """The scores of both sides in one evaluation, on the cases that both have.

    Args:
        pattern: of the ids of the cases that are compared.

    Attributes:
        case_ids: those that no body skipped; in the order drawn, as far as it was decided by them, where a run stopped
            before its last case.
        n_skipped: those that a body skipped.
        candidate_alone, baseline_alone: how many cases only one of the sides has.
        is_of_one_run: whether the sides were weighed against each other in one run.
        is_in_order: whether `case_ids` are the first ones of one and the same random order.
        other_orders: why they are not, though a run stopped before its last case; "" where none did, or they are.
        undecided: why it is shown and decides nothing; "" where it may decide.
    """

    def __init__(self, candidate: Scores, baseline: Scores, pattern: str = EVERY_CASE) -> None:
        self.candidate, self.baseline = candidate, baseline
        self._sides = candidate, baseline
        ours, theirs = ({case for case in each.known if fnmatch.fnmatchcase(case, pattern)} for each in self._sides)
        skipped = (candidate.skipped | baseline.skipped) & ours & theirs
        paired = (ours & theirs) - skipped
        listed = [each.listed for each in self._sides if each.is_in_order]
        drawn = paired.intersection(*listed)
        orders = {tuple(case for case in each if case in drawn) for each in listed}
        self.is_of_one_run = candidate.side.weighed.run.run_id == baseline.side.weighed.run.run_id
        is_apart = not self.is_of_one_run and (len(orders) > 1 or bool(orders and paired and not drawn))
        self.other_orders = "they drew their cases in different orders (another `seed`)" if is_apart else ""
        self.is_in_order = len(orders) == 1 and not is_apart
        self.undecided = "what two runs drew in different orders" if is_apart else ""
        if len(ours | theirs) < len(candidate.known | baseline.known):
            self.undecided = "a part of the cases (--case)"
        known = dict.fromkeys(case for case in candidate.listed if case in paired)
        self.case_ids = orders.pop() if self.is_in_order else (*known, *sorted(paired.difference(known)))
        self.n_skipped = len(skipped)
        self.candidate_alone, self.baseline_alone = len(ours - theirs), len(theirs - ours)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of either side."""
        return tuple(dict.fromkeys([*self.candidate.metrics, *self.baseline.metrics])) or (METRIC,)

    def observed(self, metric: str, margin: float | str | None = None) -> Observations:
        """Make what a decision starts from, of both sides' scores and the plan of the candidate's run.

        Args:
            metric: one of either side.
            margin: in place of that of the candidate's run, for slices without one of their own, too; a text is one in
                per cent, such as "5%", of scores 0.05. Bets keep the stakes of the run: with the margin they would go
                for something else, and could lose what they had won.

        Raises:
            SettingsError: the margin lets everything pass, or can't be.
        """
        observed = self._observed(metric)
        if margin is None:
            return observed
        own, is_share = observed.plan, isinstance(margin, str) and observed.unit is not None
        chosen = share_of_baseline(margin, "--margin") if isinstance(margin, str) else margin
        plan = replace(own, margin=chosen, margin_is_default=False, margin_is_relative=is_share)
        if own.slice_margin == own.margin or own.margin_is_relative != is_share:  # none of their own, or another unit
            plan = replace(plan, slice_margin=None if own.slice_margin is None else chosen)
        weighed, margin = replace(observed, plan=plan, stakes=observed.tuned_to), chosen
        if is_share:
            wrong = without_ratio(weighed)
        else:
            what = f"--margin {margin:g} lets everything pass: {metric!r} of {observed.id} is {kind_in_words(observed)}"
            wrong = [what] if misfits(metric, observed, None, margin) else []
        if wrong:
            raise SettingsError(f"{wrong[0]}.")
        return weighed

    def _observed(self, metric: str) -> Observations:
        ours, theirs = self._sides
        entry = ours.entries.get(metric) or next(iter(ours.entries.values()))
        own = [each.entries[metric] for each in self._sides if metric in each.entries] or [entry]
        kind, plan = own[0], entry.plan
        if not self.is_of_one_run:
            is_sequential = self.is_in_order and any(each.plan.design == "sequential" for each in own)
            is_exact = all(each.plan.is_exact for each in own)
            plan = replace(plan, design="sequential" if is_sequential else "fixed", is_exact=is_exact)
        labels = {case.id: case.cluster for case in entry.cases if case.cluster is not None}
        clusters = tuple(labels.get(case, f"case {case}") for case in self.case_ids) if labels else None
        # Of pairs of blocks, the share of requests that were left unanswered; blocks of two runs are no pairs.
        sign = (1 if ours.side.weighed.role == "candidate" else -1) if self.is_of_one_run else 0
        unanswered = {case.id: sign * case.unanswered for case in entry.cases if sign and case.unanswered is not None}
        is_whole = self.is_of_one_run or self.is_in_order or not (self.candidate_alone or self.baseline_alone)
        n_both = len(self.case_ids) + self.n_skipped
        is_counted = self.candidate_alone == 0 and ours.side.weighed.role == "candidate"
        return Observations(
            id=entry.id,
            metric=metric,
            plan=plan,
            case_ids=self.case_ids,
            candidate=ours.table.of(metric, self.case_ids),
            baseline=theirs.table.of(metric, self.case_ids),
            clusters=clusters,
            clusters_known_by=entry.clusters_known_by,
            **kind.fields_of(Kind),
            largest_cluster=1 if entry.clusters_known_by == "texts" else entry.largest_cluster,
            n_planned=min(each.n_planned for each in own) if is_whole else n_both,
            suite_size=min(each.suite_size for each in own) if is_whole else n_both,
            n_skipped=entry.n_skipped if self.is_of_one_run else self.n_skipped,
            n_truncated=entry.n_truncated if is_counted else 0,
            errors=self._errors(ours.entries.get(metric), theirs.entries.get(metric)),
            recorded=frozenset({"baseline"} if theirs.side.weighed.is_recorded else ()),
            stopped_at=ours.stopped_at or theirs.stopped_at,
            stakes=entry.look.stakes if entry.look is not None else None,
            undecided=self.undecided,
            is_repeatable=any(each.is_repeatable for each in own),
            unanswered=unanswered,
            slices=slices_again(entry, self.case_ids),
        )

    def _errors(self, ours: Verdict | None, theirs: Verdict | None) -> tuple[str, ...]:
        """List the errors of either run: nobody knows what an evaluation that broke off would have shown."""
        if self.is_of_one_run:
            return ours.errors if ours else ()
        errors = [
            f"run {each.side.weighed.run.run_id}: {error}"
            for each, entry in zip(self._sides, (ours, theirs), strict=True)
            for error in (entry.errors if entry else ())
        ]
        if ours and theirs and not same_kind(ours, theirs):
            one, two = kind_and_direction(ours), kind_and_direction(theirs)
            errors.append(
                f"{ours.metric!r} is {one}, in the candidate's run, {two}, in the baseline's; run a gate again"
            )
        return tuple(errors)
